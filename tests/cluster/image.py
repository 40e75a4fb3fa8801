"""The Dockerfile, built by buildah in a storage of the tests' own. Needs root.

The base image isn't pulled: one of Debian's packages stands in for it, under its name. That shows what the Dockerfile's steps do, never the published
image's size or vulnerabilities.
"""

import functools
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from downloads import downloaded, get
from helm.chart import ROOT
from ordersaga_local.jars import cache

from . import programs
from .programs import TOOLS

IMAGE: Final = "localhost/ordersaga:1"
_OF_THE_MACHINE: Final = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pip.conf"))
"""What pip needs to know of this machine; in the build, not in the image."""
_BASE: Final = """
FROM scratch
ADD root.tar /
ENV LANG=C.UTF-8
CMD ["python3"]
"""
_PAUSE: Final = """
FROM scratch
COPY pause /
USER 65535:65535
ENTRYPOINT ["/pause"]
"""


@dataclass(frozen=True, slots=True)
class Images:
    storage: Path

    def run(self, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        where = ("--root", self.storage / "root", "--runroot", self.storage / "run")
        return subprocess.run([program, *where, *words], capture_output=True, text=True, check=False)

    def done(self, program: str, *words: str | Path) -> str:
        done = self.run(program, *words)
        assert done.returncode == 0, f"{program} {words[0]}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    def ordersaga(self) -> str:
        """The project's image."""
        self._base()
        mounted = [word for path in _OF_THE_MACHINE if path.exists() for word in ("--volume", f"{path}:{path}:ro")]
        return self._built(IMAGE, ROOT, "--network", "host", *mounted)

    def with_migration(self, tag: str, under: str, text: str) -> str:
        """`localhost/ordersaga:TAG`: the image `under` with one more revision."""
        versions = "pathlib.Path(ordersaga.__file__).with_name('_migrations') / 'versions'"
        steps = [
            f"FROM {under}",
            "USER 0",
            f"COPY {tag}.py /new/",
            f"""RUN mv /new/{tag}.py "$(python -c "import ordersaga, pathlib; print({versions})")/" && rmdir /new""",
            "USER 10001:10001",
        ]
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / f"{tag}.py").write_text(text)
            (Path(name) / "Dockerfile").write_text("\n".join(steps))
            return self._built(f"localhost/ordersaga:{tag}", Path(name))

    def pause(self) -> str:
        with tempfile.TemporaryDirectory() as name:
            shutil.copy(programs.pause(), name)
            (Path(name) / "Dockerfile").write_text(_PAUSE)
            return self._built("localhost/pause:1", Path(name))

    def archive(self, tag: str, folder: Path) -> Path:
        """A file with the image, in that folder."""
        path = folder / "image.tar"
        self.done("buildah", "push", "--quiet", "--disable-compression", tag, f"oci-archive:{path}:{tag}")
        return path

    def _base(self) -> None:
        """Under the name that the Dockerfile asks for."""
        (tag,) = re.findall(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        files = downloaded("cluster/base", [TOOLS / "base.packages"], _unpack_base)
        name = f"localhost/{files.name}:1"
        if self.run("buildah", "inspect", "--type", "image", name).returncode:
            self._built(name, files)
        self.done("buildah", "tag", name, f"python:{tag}")

    def _built(self, tag: str, context: Path, *options: str | Path) -> str:
        """As far as its steps and what they copy have changed."""
        how = ("--layers", "--pull-never", "--isolation", "chroot", "--format", "docker", "--quiet")
        self.done("buildah", "bud", *how, *options, "--tag", tag, context)
        return tag


@functools.cache
def images() -> Images:
    """In a storage that stays from run to run, with the project's image."""
    programs.need("buildah", "crun", "mmdebstrap", "podman")
    made = Images(cache() / "cluster" / "storage")
    made.ordersaga()
    made.done("podman", "image", "prune", "--force", "--filter", "until=168h")  # layers of earlier builds
    return made


def _unpack_base(folder: Path) -> None:
    packages = ",".join((folder / "base.packages").read_text().split())
    suite = "bookworm"
    get("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", suite, folder / "root.tar")
    (folder / "Dockerfile").write_text(_BASE)


if __name__ == "__main__":
    images()  # it takes minutes the first time: more than a test may take on a slow machine
