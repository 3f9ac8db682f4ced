"""Redaction: what is sensitive in entries is masked before it is stored, so that nothing ever holds it."""

from oddline.redaction.model import ERASED, ON_BY_DEFAULT, ErasedValues, Kind, OwnRule, ProjectRules, Rules, mark
from oddline.redaction.redactor import Masked, Redactor, compiled
from oddline.redaction.rules import CompiledRules, Redaction, RuleBook
from oddline.redaction.service import LONGEST_EXPRESSION, MOST_OWN_RULES, set_masking, show_masking
from oddline.redaction.spellings import spellings
from oddline.redaction.store import open_values, read_erased, seal_values

__all__ = [
    "ERASED",
    "LONGEST_EXPRESSION",
    "MOST_OWN_RULES",
    "ON_BY_DEFAULT",
    "CompiledRules",
    "ErasedValues",
    "Kind",
    "Masked",
    "OwnRule",
    "ProjectRules",
    "Redaction",
    "Redactor",
    "RuleBook",
    "Rules",
    "compiled",
    "mark",
    "open_values",
    "read_erased",
    "seal_values",
    "set_masking",
    "show_masking",
    "spellings",
]
