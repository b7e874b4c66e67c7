"""tap.py [MODULE]...: the unit tests beside it, a line each: `ok - module: what` or `not ok - …` with why.

A test is named so that its name finishes "fails when".
"""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).parent


class Lines(unittest.TestResult):
    def say(self, good, test, why=""):
        module = type(test).__module__.removeprefix("test_")
        name = test.id().rsplit(".", 1)[-1].removeprefix("test_").replace("_", " ")
        print(f"{'ok' if good else 'not ok'} - {module}: fails when {name}", flush=True)
        for line in why.splitlines():
            print(f"#   {line}")

    def addSuccess(self, test):
        self.say(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(False, test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.say(False, test, self.errors[-1][1])


def main():
    sys.path.insert(0, str(HERE))
    loader = unittest.TestLoader()
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("test_*.py"))
    suite = unittest.TestSuite(loader.loadTestsFromName(name) for name in names)
    result = Lines()
    suite.run(result)
    print(f"1..{result.testsRun}")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)


main()
