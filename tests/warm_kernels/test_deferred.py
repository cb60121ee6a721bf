"""The grammar of web addresses: not imported with jsonschema, but there for whoever checks one."""

import sys

from tests.support.processes import completed

CHECK = """
import sys
from insights_lib.warm_kernels.deferred import grammar_deferred
with grammar_deferred():
    import jsonschema
    inside = {inside}
assert inside is None or "rfc3987_syntax" in sys.modules
assert inside is not None or "rfc3987_syntax" not in sys.modules
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
assert checker.conforms("http://exämple.org/ä", "iri")
assert not checker.conforms("no address", "iri")
import rfc3987_syntax
assert rfc3987_syntax.is_valid_syntax("iri", "http://exämple.org/")
"""
CONFORMS = "jsonschema.Draft202012Validator.FORMAT_CHECKER.conforms('a:b', 'iri')"


def test_checks_of_addresses_are_there_as_always() -> None:
    completed([sys.executable, "-c", CHECK.format(inside=None)])


def test_a_check_before_the_import_is_over_makes_the_grammar() -> None:
    completed([sys.executable, "-c", CHECK.format(inside=CONFORMS)])
