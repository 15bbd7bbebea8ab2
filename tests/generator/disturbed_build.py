"""`python -m tests.generator.disturbed_build kill|fail BASE WORK`: a build, disturbed at each step.

For each number the folder BASE is copied to WORK/<number>, and a build of it is killed before its
file operation of that number, or this operation fails. It prints the exit code of each build.
"""

import os
import shutil
import sys
from itertools import count
from pathlib import Path, PurePosixPath

from generator.files.output import write_folder
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.text.yaml_writer import GENERATED_MARK

WRITTEN, REFUSED, UNDISTURBED, KILLED = 0, 1, 2, 9
_READING_EVENTS = {"os.listdir", "os.scandir"}


def build_artifact(path: str, text: str = "groups:\n") -> Artifact:
    return Artifact(PurePosixPath(path), f"{GENERATED_MARK} from x.\n{text}")


OLD = [build_artifact("a/one.yaml"), build_artifact("a/two.yaml"), build_artifact("b/three.yaml")]
NEW = [
    build_artifact("a/one.yaml", "new\n"),
    build_artifact("c/d/four.yaml"),
    build_artifact("b/three.yaml"),
]
OTHER = [build_artifact("z.yaml"), build_artifact("c/five.yaml")]


def build_disturbed(folder: Path, number: int, *, kills: bool) -> int:
    """Build in a process of its own, and return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    operations = count(1)

    def disturb(event: str, arguments: tuple[object, ...]) -> None:
        paths = [str(each) for each in arguments if isinstance(each, str | bytes | Path)]
        if event in _READING_EVENTS or not any(path.startswith(str(folder)) for path in paths):
            return
        if next(operations) == number:
            if kills:
                os._exit(KILLED)
            raise OSError(28, "No space left on device", paths[0])

    try:
        sys.addaudithook(disturb)
        write_folder(NEW, folder)
    except CannotWriteError as error:
        os._exit(REFUSED if "No space left on device" in str(error) else 99)
    except BaseException:  # noqa: BLE001 - the exit code tells it
        os._exit(98)
    os._exit(WRITTEN if next(operations) > number else UNDISTURBED)


def disturb_builds(mode: str, base: Path, work: Path) -> None:
    for number in count(1):
        folder = work / str(number)
        if base.exists():
            shutil.copytree(base, folder)
        code = build_disturbed(folder, number, kills=mode == "kill")
        print(code)  # noqa: T201 - the test reads it
        if code == UNDISTURBED:
            return


if __name__ == "__main__":
    disturb_builds(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
