"""`doit serve`: serves the built zoo to a browser on this machine."""

from typing import Any

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.publish.serve.zoo_server import SiteServer
from pipeline.steps.graph import Graph

_OPTION_PORT = {
    "name": "port",
    "short": "p",
    "long": "port",
    "type": int,
    "default": 8000,
    "help": "port to listen on; 0 takes any that is free [default: %(default)s]",
}
_OPTION_HOST = {
    "name": "host",
    "short": "",
    "long": "host",
    "type": str,
    "default": "127.0.0.1",
    "help": "address to listen on; 0.0.0.0 lets the network in [default: %(default)s]",
}


class Serve(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Serve the built zoo."""

    name = "serve"
    doc_purpose = PURPOSES[name]
    doc_description = (
        "For looking at the page, which cannot fetch models from file:, and for apps in "
        "development. Ctrl-C ends it."
    )
    cmd_options = (_OPTION_PORT, _OPTION_HOST)

    def _execute(self, port: int, host: str) -> int:
        graph: Graph = self.loader.namespace["GRAPH"]
        folder = graph.layout.dist
        if not folder.is_dir():
            raise InvalidCommand(f"{graph.layout.output}/ is not there yet; `tfjs-zoo` builds it")
        try:
            server = SiteServer(folder, host=host, port=port)
        except (OSError, OverflowError) as error:
            reason: Any = getattr(error, "strerror", None) or error
            raise InvalidCommand(
                f"cannot listen on {host}:{port}: {reason}; choose another with --port"
            ) from None
        with server:
            self.outstream.write(f"{server.url} serves {graph.layout.output}/ until Ctrl-C\n")
            self.outstream.flush()
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.outstream.write("\n")
        return 0
