"""Evaluation: tasks, training and users' own commands in processes of their own, tables, outcomes and feedback.

Runs with the standard library and torch alone, and importing it needs no torch. Knows no model, no graph,
no database.
"""

from navarch.evaluation.callable.command import Command, callable_task, make_command
from navarch.evaluation.callable.evaluator import CallableEvaluator
from navarch.evaluation.check import Latency, Limits, OverLimit, static_check
from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Continuation, Evaluator, Job, TestFailedError, TestScore
from navarch.evaluation.feedback import Feedback, NeighbourNote, make_feedback
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.history import Evaluated, History
from navarch.evaluation.image_task import Training
from navarch.evaluation.noise import ENOUGH_FREEDOM, Noise, measure_noise
from navarch.evaluation.outcome import CurvePoint, Outcome, Reason, TrialCost, TrialState, failed, judge
from navarch.evaluation.supernet.evaluator import SupernetEvaluator
from navarch.evaluation.supernet.task import find_supernet, supernet_task
from navarch.evaluation.tables.evaluator import TableEvaluator
from navarch.evaluation.tables.finding import (
    Source,
    find_for_task,
    find_latency,
    find_source,
    flags_of_imported,
)
from navarch.evaluation.tables.latency import open_latency
from navarch.evaluation.tables.own import ColumnNames, own_table_task
from navarch.evaluation.task import (
    Task,
    UnknownTaskError,
    get_task,
    prepare_task,
    task_names,
)
from navarch.evaluation.task_data import training_recipe
from navarch.evaluation.train_evaluator import TrainEvaluator

__all__ = [
    "ENOUGH_FREEDOM",
    "CallableEvaluator",
    "ColumnNames",
    "Command",
    "Continuation",
    "CurvePoint",
    "Evaluated",
    "Evaluator",
    "Feedback",
    "Fidelity",
    "History",
    "Job",
    "Latency",
    "Limits",
    "NeighbourNote",
    "Noise",
    "Outcome",
    "OverLimit",
    "Reason",
    "Source",
    "SupernetEvaluator",
    "TableEvaluator",
    "Task",
    "TestFailedError",
    "TestScore",
    "TrainEvaluator",
    "Training",
    "TrialCost",
    "TrialState",
    "UnknownTaskError",
    "callable_task",
    "cost_on",
    "failed",
    "find_for_task",
    "find_latency",
    "find_source",
    "find_supernet",
    "flags_of_imported",
    "get_task",
    "judge",
    "make_command",
    "make_feedback",
    "measure_noise",
    "open_latency",
    "own_table_task",
    "prepare_task",
    "static_check",
    "supernet_task",
    "task_names",
    "training_recipe",
]
