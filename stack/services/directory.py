"""An LDAP directory with one user, where no other one is configured."""

from pathlib import Path

from stack import jars, java, reader_access
from stack.services.service import JavaService, is_listening

COMPILER_JARS = ("janino", "commons-compiler")
# UnboundID's own program listens on all addresses.
PROGRAM = Path(__file__).with_name("Directory.java")


class Directory(JavaService):
    """Checks the password of the user of readers."""

    name = "directory"

    @property
    def ports(self) -> dict[str, int]:
        """LDAP."""
        return {"ldap": self.settings.directory_port}

    def prepare(self, environment: dict[str, str]) -> None:
        """Create the password, unless a file has it."""
        settings = self.settings
        # `stack env` names the default too.
        if settings.reader_password_file in (None, settings.reader_access / "password"):
            reader_access.create(settings)

    def command(self) -> list[str]:
        """A program of ours, which is compiled first."""
        password_file = self.settings.reader_environment()["ASSAY_READER_PASSWORD_FILE"]
        return java.command(
            "org.codehaus.janino.SimpleCompiler",
            *(str(PROGRAM), PROGRAM.stem),
            *(self.settings.bind, str(self.settings.directory_port)),
            *(self.settings.reader_user, password_file),
            classpath=[
                *(next(java.SPARK_JARS.glob(f"{jar}-[0-9]*.jar")) for jar in COMPILER_JARS),
                *jars.classpath(self.settings.cache, "directory"),
            ],
            options=["-Xmx64m", *java.SMALL_JVM_OPTIONS],
        )

    def is_ready(self) -> bool:
        """Return whether it accepts connections."""
        return is_listening(self.settings.own_address, self.settings.directory_port)
