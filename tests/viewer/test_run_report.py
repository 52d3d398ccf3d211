"""The report of a run: all of it is there, escaped, in one page that loads nothing, and it draws in a real browser."""

import re
import shutil
import subprocess
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from navarch.graph.settings import load_settings, settings_of
from navarch.memory import REPEATS, Memory, NewTrial
from navarch.spaces import get_space
from navarch.viewer.blocks import Drawing, Figures, Folded, Heading, Table, Text, to_html, to_markdown
from navarch.viewer.charts import Axis, Chart
from navarch.viewer.run_facts import read_run
from navarch.viewer.run_figures import history_figure
from navarch.viewer.run_report import write_report

SPACE = get_space("nas-bench-201")
VALUES = {
    "333333": (72.0, 70.5, 71.5),
    "333331": (73.5, 70.0, 71.0),
    "000003": (None, None, None),
    "111113": (41.0,),
}


def begin(memory, flags, *, task):
    """Create the run `r1` with the settings that these flags give."""
    settings = load_settings(None, flags)
    memory.create_run(
        workflow=settings.workflow,
        space=SPACE.name,
        task=task,
        task_digest="t",
        evaluator="train",
        seed=0,
        settings=settings.model_dump(mode="json"),
        version="0.1.0",
    )


def trial(code, seed):
    architecture = SPACE.parse(code)
    return NewTrial(
        space=SPACE.name,
        architecture=SPACE.to_dict(architecture),
        code=code,
        genotype=SPACE.genotype(architecture),
        digest=SPACE.digest(architecture),
        task="digits",
        task_digest="t",
        fidelity={"epochs": 4, "skeleton": {}},
        seed=seed,
        params=1000 + int(code[0]),
        macs=2000,
    )


def finish(memory, row, accuracy, **cost):
    facts = {"val_accuracy": accuracy} if accuracy is not None else {}
    points = [
        {
            "epoch": e,
            "train_loss": 1.0 / e,
            "train_accuracy": 10.0 * e,
            "val_accuracy": (accuracy or 0) * e / 4,
        }
        for e in range(1, 5)
    ]
    memory.finish_trial(
        row.trial_id,
        state="failed" if accuracy is None else "complete",
        reason="diverged" if accuracy is None else None,
        detail="<b>loss</b> & more" if accuracy is None else "",
        objectives=facts,
        curve=points,
        cost={
            "seconds": 2.0,
            "train_seconds": 1.5,
            "cpu_seconds": 1.0,
            "peak_memory_mb": 10.0,
            "device": "cpu",
            "epochs": 4,
            **cost,
        },
    )


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """A run of four trials, one failed, whose best two were confirmed on two seeds."""
    path = tmp_path_factory.mktemp("report") / "navarch.db"
    flags = {
        "workflow": "random",
        "budget": {"trials": 4},
        "confirm": {"top": 2, "seeds": 2},
        "search": {"rungs": [4]},
    }
    with Memory.open(path) as memory:
        begin(memory, flags, task="digits <i>&</i>")
        for code, values in VALUES.items():
            (row,) = memory.add_trials("r1", 1, [trial(code, 0)])
            finish(memory, row, values[0])
        for seed in (1, 2):
            for code in ("333331", "333333"):
                (row,) = memory.add_trials("r1", REPEATS, [trial(code, seed)])
                finish(memory, row, VALUES[code][seed])
        memory.set_test_score("r1", "r1/t5", 69.0, 70.5, 1.0)
        memory.set_run_state("r1", "finished", "budget of 4 trials is spent")
        return read_run(memory, "r1")


def test_a_run_whose_process_died_is_told_as_interrupted_and_its_epochs_as_they_count(tmp_path):
    flags = {"workflow": "halving", "search": {"rungs": [1, 4]}, "train": {"epochs": 4}}
    with Memory.open(tmp_path / "navarch.db") as memory:
        begin(memory, flags, task="digits")
        rows = memory.add_trials(
            "r1", 1, [replace(trial("333333", 0), fidelity={"epochs": 1, "skeleton": {}})]
        )
        rows += memory.add_trials("r1", 2, [trial("333333", 0), trial("111113", 0)])
        finish(memory, rows[0], 60.0)
        finish(memory, rows[1], 70.0, start_epochs=1)
        facts = read_run(memory, "r1")
    assert facts.epochs == 4  # 1, and 3 on from there; the last one waits
    assert "The run is interrupted: these are figures on the way." in write_report(facts, is_markdown=True)


def test_the_winner_is_that_of_fresh_seeds_with_its_test(facts):
    page = write_report(facts, is_markdown=True)
    assert "validation, fresh seeds: **71.00 %** mean of 2; it was chosen by this" in page
    assert "validation, in the search: **72.00 %** of one training" in page
    assert "Not distinguishable from trial 1: trial 2" in page
    assert "test: **69.00 %** sealed in the search, read once" not in page  # it is of the other architecture
    assert facts.best.code == "333333"


def test_everything_is_there(facts):
    page = write_report(facts, is_markdown=True)
    for said in (
        "## The best, on fresh seeds",
        "## Noise",
        "## Every trial",
        "## What it cost",
        "## Settings",
    ):
        assert said in page
    assert "Failed trials and repeats: 1 diverged. Refused proposals: none." in page
    assert "| confirm.top | 2 |" in page
    assert "| epochs | 32 | - |" in page
    assert "Of the training 6.0 s were for 4 repeats; reused and not trained: 0 trials." in page
    assert "Selection bias +2.00 points: what these had in the search beyond" in page


def test_of_a_table_the_training_is_said_to_be_the_tables(facts):
    of_table = replace(facts, settings=facts.settings.model_copy(update={"evaluator": "table"}))
    said = "The seconds of training are the table's: nothing was trained."
    assert said in write_report(of_table, is_markdown=True)
    assert said not in write_report(facts, is_markdown=True)


def test_a_report_names_files_and_not_where_they_lay(facts):
    own = {
        "callable": {"folder": "/data/mine", "command": "/data/bin/python '/data/of mine/measure.py' --fast"},
        "model": "replay:r1@/data/old.db,openai:m",
        "space": "/data/s.toml",
    }
    told = replace(facts, run=replace(facts.run, settings={**facts.run.settings, **own}))
    told = replace(told, settings=settings_of(told.run))
    for page in (write_report(told, is_markdown=True), write_report(told, is_markdown=False)):
        assert "/data" not in page
        assert "replay:r1@old.db,openai:m" in page
        assert "s.toml" in page
        assert "python measure.py --fast" in page


def test_the_page_is_well_formed_escaped_and_loads_nothing(facts):
    page = write_report(facts, is_markdown=False)
    assert "digits &lt;i&gt;&amp;&lt;/i&gt;" in page
    assert "<i>" not in page
    body = page.replace("<!doctype html>", "").replace('<meta charset="utf-8">', "")
    body = re.sub(r'<meta name="viewport"[^>]*>', "", body).replace("class=marked", 'class="marked"')
    root = ET.fromstring(body)
    assert len(root.findall(".//{http://www.w3.org/2000/svg}svg")) == 4
    links = [
        value for element in root.iter() for name, value in element.attrib.items() if name in ("src", "href")
    ]
    assert links == []
    assert "script" not in {element.tag for element in root.iter()}
    assert "url(" not in page


def test_a_stopped_trial_counts_the_epochs_it_trained_and_is_marked_as_such(facts):
    assert "Crosses: failed." in history_figure(facts).caption
    (lost,) = [row for row in facts.trials if row.state == "failed"]
    stopped = replace(lost, number=9, state="pruned", reason=None, cost={**lost.cost, "epochs": 1})
    more = replace(facts, trials=(*facts.trials, stopped))
    assert "| epochs | 33 | - |" in write_report(more, is_markdown=True)
    drawing = history_figure(more)
    assert "Crosses: failed or stopped early." in drawing.caption
    assert f"trial 9: {lost.code}, stopped early" in drawing.svg


def test_a_run_that_was_not_confirmed_says_that_its_best_may_be_luck(facts):
    page = write_report(replace(facts, confirmation=None), is_markdown=True)
    assert "its validation accuracy is too high by luck" in page
    assert re.search(r"1 other trial within \d+\.\d\d points of the best cannot be told apart from it", page)


def test_a_run_on_the_way_or_without_a_result_is_reported_too(facts):
    begun = replace(
        facts,
        run=replace(facts.run, state="running", stop_reason=None),
        state="running",
        trials=(),
        repeats=(),
        best=None,
        test=None,
        confirmation=None,
        repeated=(),
        noise=None,
        drawing=None,
    )
    page = write_report(begun, is_markdown=False)
    assert "The run is running: these are figures on the way." in page
    assert "No trial has completed." in page


def test_every_kind_of_block_has_both_forms():
    blocks = [
        Heading("a|b"),
        Text("x < y *z*", "caution"),
        Figures((("name", "1", "word"),)),
        Table(("code", "n"), (("007", "1.5"), ("x|y", "-")), (0,), "said above"),
        Drawing("<svg></svg>", "a figure"),
        Folded("more", "line\n<two>"),
    ]
    page, text = to_html("t", "l", blocks), to_markdown("t", "l", blocks)
    assert '<p class="caution">x &lt; y *z*</p>' in page
    assert '<tr class=marked><td class="word">007</td><td class="number">1.5</td></tr>' in page
    assert r"> x \< y \*z\*" in text
    assert r"| x\|y | - |" in text
    assert "<svg>" in page
    assert "<svg>" not in text
    assert "    <two>" in text


def test_control_and_direction_characters_do_not_reach_a_page():
    page = to_html("a\x1b[2J\u202eb", "l", [])
    assert "<h1>a[2Jb</h1>" in page


def test_axes_of_one_value_and_of_many_can_be_drawn():
    for low, high in ((5.0, 5.0), (0.001, 0.002), (0.0, 1e6)):
        chart = Chart("c", Axis("x", low, high), Axis("y", low, high))
        chart.dot(low, low, "one", "here")
        chart.line([], "one")
        root = ET.fromstring(chart.finish())
        places = [float(one.get("cx")) for one in root.iter("{http://www.w3.org/2000/svg}circle")]
        assert len(places) == 1
        assert 0 <= places[0] <= 860
        assert len(list(root.iter("{http://www.w3.org/2000/svg}text"))) >= 6


@pytest.mark.slow
def test_a_browser_draws_the_page(facts, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs chromium")
    file, picture = tmp_path / "r.html", tmp_path / "r.png"
    file.write_text(write_report(facts, is_markdown=False), encoding="utf-8")
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--screenshot={picture}",
        "--window-size=900,2600",
    ]
    subprocess.run([*command, file.as_uri()], check=True, capture_output=True, timeout=120, cwd=tmp_path)
    from PIL import Image

    with Image.open(picture) as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(2**24)}
    assert {(0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)} <= colours


def with_values(facts, *values):
    rows = [replace(facts.trials[0], number=n, val_accuracy=value) for n, value in enumerate(values, start=1)]
    return replace(facts, trials=tuple(rows), best=rows[0], confirmation=None)


def test_a_trial_far_below_all_others_does_not_flatten_the_history(facts):
    values = [70.0, 71.0, 69.0, 70.5, 71.5, 69.5, 70.2, 10.0]
    drawn = history_figure(with_values(facts, *values))
    assert "1 far below the others stands at the foot" in drawn.caption
    heights = [
        float(one.get("cy")) for one in ET.fromstring(drawn.svg).iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert max(heights[:7]) - min(heights[:7]) > 60


def test_the_history_shades_what_noise_hides(facts):
    assert "Shaded" in history_figure(facts).caption
    assert "Shaded" not in history_figure(replace(facts, noise=None)).caption


def test_trials_over_a_limit_are_not_counted(facts):
    limited = facts.settings.model_copy(
        update={"limits": facts.settings.limits.model_copy(update={"max_params": 1001})}
    )
    assert [row.code for row in replace(facts, settings=limited).counted] == ["111113"]
