"""Recipes: what a published table compares, as data (`recipes/*.toml`): cases, rows, budgets, figures and cautions.

A case is a task, with settings of its own where it needs some; a row is a workflow or a variant of one, or a published
figure alone. Nothing here is read by a search: figures stand beside results once these are there.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from navarch import NavarchError
from navarch.graph.grid import variant_flags, workflow_of
from navarch.graph.sections import Section
from navarch.graph.workflows import get_workflow

_RECIPES = files("navarch.viewer") / "recipes"
Percent = Annotated[float, Field(ge=0, le=100)]
Text = Annotated[str, Field(min_length=1)]


class Figure(Section):
    """Published accuracies of a row in one case, percent; spread: what the source gives after the plus-minus sign."""

    val: Percent | None = None
    val_spread: Percent | None = None
    test: Percent | None = None
    test_spread: Percent | None = None


class Case(Section):
    """One column group of the published table: a task, and settings such as limits."""

    name: Text
    task: Text
    trials: int | None = Field(default=None, ge=1)
    set: dict[str, Any] = Field(default_factory=dict)


class Row(Section):
    """One row. Without a workflow it is a published figure that is not run here."""

    name: Text
    workflow: Text | None = None
    trials: int | None = Field(default=None, ge=1)
    published: dict[str, Figure] = Field(default_factory=dict)

    @property
    def needs_model(self) -> bool:
        """Whether its roles are to be played by a language model that the user names."""
        if self.workflow is None:
            return False
        has_roles = bool(get_workflow(workflow_of(self.workflow)).roles)
        return has_roles and "model" not in variant_flags(self.workflow)


class Recipe(Section):
    """A published table: `trials` and `seeds` are the defaults, `data` says which file is needed and how to give it.

    by_test: show the highest test accuracy that a run came by, since the published column was driven by test.
    """

    title: Text
    source: Text
    data: Text
    trials: int = Field(ge=1)
    seeds: int = Field(ge=1)
    by_test: bool = False
    cautions: tuple[Text, ...]
    cases: tuple[Case, ...]
    rows: tuple[Row, ...]

    @model_validator(mode="after")
    def _figures_belong_to_cases(self) -> "Recipe":
        names = {case.name for case in self.cases}
        for row in self.rows:
            if strange := row.published.keys() - names:
                raise ValueError(f"row {row.name!r} has figures for {sorted(strange)}, which are no cases")
        return self

    def trials_of(self, case: Case, row: Row) -> int:
        """Return how many architectures a run of the row may evaluate: the row says so, else the case."""
        return row.trials or case.trials or self.trials


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes."""
    return tuple(sorted(file.name[:-5] for file in _RECIPES.iterdir() if file.name.endswith(".toml")))


def load_recipe(name: str) -> Recipe:
    """Return a recipe by name. Raises: NavarchError listing the known ones."""
    if name not in recipe_names():
        raise NavarchError(f"no recipe is called {name!r}: use one of {', '.join(recipe_names())}")
    return read_recipe(tomllib.loads((_RECIPES / f"{name}.toml").read_text(encoding="utf-8")), name)


def read_recipe(data: Mapping[str, Any], name: str) -> Recipe:
    """Return what the data say. Raises: NavarchError with the first thing that is wrong."""
    try:
        return Recipe(**data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise NavarchError(f"recipe {name!r}: {where or 'as a whole'}: {first['msg']}") from None
