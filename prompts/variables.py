"""The variables that each prompt file may use, with their shape: what a user may write between `{{` and `}}`.

A record is a dict, a list is a one-element tuple of its items' shape, VALUE is a text or a number (or data
whose shape is open). The shapes of the roles equal the fields of their views; a test holds the two
together.
"""

from typing import Any, Final

VALUE: Final = "value"
Shape = Any  # VALUE, dict[str, Shape] or tuple[Shape]

MISSION: Final = dict.fromkeys(
    (
        "metric",
        "classes",
        "resolution",
        "in_channels",
        "train_images",
        "epochs",
        "target",
        "max_params",
        "max_macs",
        "round",
        "trials_done",
        "trials_budget",
        "max_latency_ms",
    ),
    VALUE,
)

OPTION: Final = dict.fromkeys(("name", "code", "meaning"), VALUE)

SPACE: Final = {
    "summary": VALUE,
    "dimensions": (
        {
            "name": VALUE,
            "meaning": VALUE,
            "options": (OPTION,),
            "when": ({"dimension": VALUE, "options": (VALUE,)},),
        },
    ),
    "constraints": (
        {
            "kind": VALUE,
            "dimensions": (VALUE,),
            "options": (VALUE,),
            "at_least": VALUE,
            "at_most": VALUE,
            "choices": ((VALUE,),),
            "why": VALUE,
        },
    ),
    "example": (VALUE,),
    "rules": (VALUE,),
    "size": VALUE,
    "code_example": VALUE,
    "prior": (VALUE,),
}

FEEDBACK: Final = {
    **dict.fromkeys(("trial", "code", "state", "reason", "detail", "val_accuracy", "params", "macs"), VALUE),
    **dict.fromkeys(
        ("rank", "margin_to_best", "margin_in_noise", "val_error", "curve_shape", "seconds"), VALUE
    ),
    "neighbours": ({"trial": VALUE, "distance": VALUE, "differences": ((VALUE,),), "margin": VALUE},),
}

TRIAL: Final = {
    **dict.fromkeys(
        (
            "number",
            "round",
            "code",
            "state",
            "reason",
            "detail",
            "val_accuracy",
            "params",
            "macs",
            "latency_ms",
        ),
        VALUE,
    ),
    "values": (VALUE,),
    "feedback": FEEDBACK,
}

LESSON: Final = {
    **dict.fromkeys(("number", "statement", "dimension", "option", "effect"), VALUE),
    "supports": (VALUE,),
    "contradicts": (VALUE,),
}

PROBLEM: Final = {"code": VALUE, "dimension": VALUE, "value": VALUE, "allowed": (VALUE,)}

REFUSED: Final = {"architecture": VALUE, "status": VALUE, "problems": (PROBLEM,)}

CANDIDATE: Final = {
    **dict.fromkeys(("index", "code", "params", "macs", "why"), VALUE),
    **dict.fromkeys(("estimate", "uncertainty", "nearest", "nearest_distance"), VALUE),
    "values": (VALUE,),
    "proxies": (VALUE,),
}

REPLY_ERROR: Final = {
    **dict.fromkeys(("code", "value", "size", "line", "column", "more", "stopped"), VALUE),
    "faults": ({"place": VALUE, "message": VALUE},),
}

DIRECTION: Final = {
    "summary": VALUE,
    "patterns": (VALUE,),
    "guidance": ({"dimension": VALUE, "prefer": (VALUE,), "avoid": (VALUE,)},),
    "build_on": (VALUE,),
    "explore": VALUE,
}

STRATEGY: Final = {
    "summary": VALUE,
    "patterns": (VALUE,),
    "directions": ({"dimension": VALUE, "advice": VALUE, "prefer": (VALUE,), "avoid": (VALUE,)},),
}

SAID: Final = {"summary": VALUE, "patterns": (VALUE,)}

# The prompts that have a system and a user part, and the role that each is for.
ROLE_OF: Final = {
    "navigator": "navigator",
    "generator": "generator",
    "critic": "critic",
    "distiller": "distiller",
    "collm-nas/navigator": "navigator",
    "collm-nas/generator": "generator",
    "seki/self-evolution": "generator",
    "seki/patterns": "distiller",
    "seki/inspiration": "generator",
}

VARIABLES: Final[dict[str, dict[str, Shape]]] = {
    "navigator": {
        "mission": MISSION,
        "space": SPACE,
        "new": (TRIAL,),
        "top": (TRIAL,),
        "history": (TRIAL,),
        "lessons": (LESSON,),
        "refused": VALUE,
        "rounds_without_gain": VALUE,
        "digest": (TRIAL,),
        "said": SAID,
    },
    "generator": {
        "mission": MISSION,
        "space": SPACE,
        "direction": DIRECTION,
        "lessons": (LESSON,),
        "build_on": (TRIAL,),
        "avoid": (VALUE,),
        "count": VALUE,
        "refused": (REFUSED,),
        "history": (TRIAL,),
    },
    "critic": {
        "mission": MISSION,
        "space": SPACE,
        "direction": DIRECTION,
        "lessons": (LESSON,),
        "top": (TRIAL,),
        "candidates": (CANDIDATE,),
        "proxies": (VALUE,),
        "keep": VALUE,
        "history": (TRIAL,),
    },
    "distiller": {
        "mission": MISSION,
        "space": SPACE,
        "new": (TRIAL,),
        "history": (TRIAL,),
        "lessons": (LESSON,),
        "digest": (TRIAL,),
    },
    "collm-nas/navigator": {
        "mission": MISSION,
        "space": SPACE,
        "new": (TRIAL,),
        "top": (TRIAL,),
        "digest": (TRIAL,),
        "said": SAID,
        "first": VALUE,  # not in the view: whether this turn opens the conversation
    },
    "collm-nas/generator": {"space": SPACE, "strategy": STRATEGY, "count": VALUE, "refused": (REFUSED,)},
    "seki/self-evolution": {"mission": MISSION, "space": SPACE, "current": TRIAL, "refused": (REFUSED,)},
    "seki/patterns": {"mission": MISSION, "space": SPACE, "drawn": (TRIAL,)},
    "seki/inspiration": {
        "mission": MISSION,
        "space": SPACE,
        "drawn": (TRIAL,),
        "patterns": (VALUE,),
        "refused": (REFUSED,),
    },
    "check": {},
    "repair": {"role": VALUE, "error": REPLY_ERROR, "left": VALUE},
    "offline/direction": dict.fromkeys(
        ("trials", "best_code", "best_accuracy", "explore", "stagnation"), VALUE
    ),
    "offline/pattern": dict.fromkeys(("dimension", "option", "effect", "difference", "support"), VALUE),
    "offline/lesson": dict.fromkeys(
        ("dimension", "option", "effect", "difference", "with_n", "without_n"), VALUE
    ),
    "offline/verdict": dict.fromkeys(("decision", "estimate", "uncertainty", "best", "least_known"), VALUE),
    "offline/strategy": dict.fromkeys(("trials", "best_code", "best_accuracy"), VALUE),
    "offline/heading": {"dimension": VALUE, "prefer": (VALUE,), "avoid": (VALUE,)},
    "offline/change": dict.fromkeys(("dimension", "before", "after"), VALUE),
    "offline/common": dict.fromkeys(("dimension", "option", "count", "of"), VALUE),
    "offline/why": {"kind": VALUE, "parents": (VALUE,), "edits": VALUE},
}
