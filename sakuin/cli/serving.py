"""The commands that run until Ctrl-C: pages in the browser, and the service over HTTP."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sakuin.cli.language import phrase, say
from sakuin.cli.options import INDEX_OR_CLUSTER_OPTION, indexes_option
from sakuin.cli.running import needing

if TYPE_CHECKING:
    from sakuin.search.searcher import Opening

# Run beside the server, which takes a moment to answer; gives up after half a minute.
OPEN_WHEN_READY = """
import sys, time, urllib.request, webbrowser
for _ in range(100):
    try:
        urllib.request.urlopen(sys.argv[1] + "/_stcore/health", timeout=5).close()
    except OSError:
        time.sleep(0.3)
    else:
        webbrowser.open(sys.argv[1])
        break
"""


@click.command()
@indexes_option(
    "Folder of the index. Given again, several are searched as one; other pages show one of them at a time."
)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on, as 0.0.0.0 in a container.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="File whose first line is the password that the page asks for; needed for another --host.",
)
@click.option(
    "--login",
    "login_file",
    type=click.Path(path_type=Path),
    help="File that says by which OpenID provider people log in, and who may (docs/pages.md); needs the extra `login`.",
)
@click.option(
    "--no-password",
    is_flag=True,
    help="Ask for none at another --host: for a container, or behind a server that asks for one.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--read-only", is_flag=True, help="Let nobody add or remove documents on the page.")
def ui(
    folders: tuple[Path, ...],
    port: int,
    host: str,
    password_file: Path | None,
    login_file: Path | None,
    no_password: bool,
    no_browser: bool,
    read_only: bool,
) -> None:
    """Explore the index in the browser, add documents and remove them. Ctrl-C ends it.

    Only this machine can reach the page; all its users can. Use --read-only where they should change nothing.

    For a team: --host 0.0.0.0 --password-file FILE. Whoever knows the password can read the whole index, and change
    nothing of it. The password goes over the network as it is: let a server in front of the page speak HTTPS.
    With --login FILE people log in by their accounts of Google, Microsoft or another OpenID provider instead.
    """
    with needing("ui"):
        from importlib.metadata import version

        version("streamlit")

    from sakuin.addresses import EVERYWHERE, bare, free_address, in_url
    from sakuin.index import store
    from sakuin.index.clusters import cluster_of
    from sakuin.index.uploads import MAX_MEGABYTES
    from sakuin.search.opening import require_alone

    # Said here, where somebody reads it, and not by the page.
    require_alone(folders)
    folders = tuple(cluster_of(folder) or folder for folder in folders)
    host = bare(host)
    if login_file:
        if password_file:
            raise click.UsageError(say("Give either --password-file or --login."))
        with needing("login"):
            from importlib.metadata import version

            version("authlib")
        # Said here, where somebody reads it, and not by the server.
        from sakuin.ui.login import read_login

        read_login(login_file)
    require_password(host, password_file, no_password=no_password or login_file is not None)
    app = Path(__file__).parent.parent / "ui" / "page" / "served.py"
    options = {
        # A number: Streamlit takes names for those of IPv4.
        "server.address": free_address(host, port),
        "server.port": str(port),
        "server.maxUploadSize": str(MAX_MEGABYTES),
        # Not for want of a screen: otherwise Streamlit asks for an e-mail address and advertises on the page.
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "logger.hideWelcomeMessage": "true",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "theme.light.primaryColor": "#0e6b64",
        "theme.dark.primaryColor": "#2dd4bf",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    # A page elsewhere that gives this machine its own name must not speak to this one; a cookie it has not.
    if not (password_file or login_file):
        flags += [f"--server.allowedHosts={name}" for name in dict.fromkeys(("127.0.0.1", "localhost", host))]
    arguments = [word for folder in folders for word in ("--index", str(folder.resolve()))]
    arguments += ["--read-only"] if read_only or login_file else []
    arguments += ["--password-file", str(password_file.resolve())] if password_file else []
    arguments += ["--login", str(login_file.resolve())] if login_file else []
    address = f"http://{in_url(EVERYWHERE.get(host, host))}:{port}"
    shown = ", ".join(map(str, folders))
    click.echo(say("{address} shows {folder}; Ctrl-C ends it.", address=address, folder=shown))
    for folder in folders:
        if not (folder / store.NAME).exists() and not cluster_of(folder):
            told = "There is no index there yet: `index build CORPUS_DIR --index {folder}` makes one."
            click.echo(say(told, folder=folder), err=True)
    sys.stdout.flush()
    if not no_browser:
        subprocess.Popen([sys.executable, "-c", OPEN_WHEN_READY, address], start_new_session=True)
    # -P: nothing in the working folder is taken for a module, as it is not by the command `index`.
    server = [sys.executable, "-P", "-m", "streamlit", "run", str(app), *flags, "--", *arguments]
    if os.name == "nt":
        # There a process that takes another's place ends it, and the prompt is back while the page still runs.
        sys.exit(subprocess.call(server))
    os.execv(sys.executable, server)


def require_password(host: str, file: Path | None, *, no_password: bool) -> None:
    """Raise click.UsageError where others could reach the page and none is asked for, or the file has none."""
    from sakuin.addresses import is_loopback
    from sakuin.ui.door import password_in

    if file is not None:
        if not password_in(file):
            raise click.UsageError(say("There is no password in {file}: write one into its first line.", file=file))
        return
    if not is_loopback(host) and not no_password:
        told = (
            "Others can reach the page at {host}: give --password-file FILE, whose first line is the password that it "
            "asks for, --login FILE, or --no-password where something in front of it asks."
        )
        raise click.UsageError(say(told, host=host))


SERVING_OPTIONS = (
    click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen on."),
    click.option(
        "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need --key-file."
    ),
    click.option(
        "--key-file",
        type=click.Path(path_type=Path),
        help="File with keys, of which clients must send one: `Authorization: Bearer KEY`.",
    ),
    click.option("--model-name", metavar="NAME", help="What clients of /v1 call the model [default: its own name]."),
    click.option(
        "--cors",
        "origins",
        multiple=True,
        metavar="ORIGIN",
        help="Let pages from there ask, such as https://app.example.",
    ),
    click.option("--tls-certificate", type=click.Path(path_type=Path), help="Certificate in PEM's form, for https."),
    click.option(
        "--tls-key", type=click.Path(path_type=Path), help="The certificate's private key, if in another file."
    ),
    click.option(
        "--request-log",
        type=click.Path(path_type=Path),
        help='File for a line of JSON for each request; "-" for stderr.',
    ),
    click.option("--log-queries", is_flag=True, help="Write what was searched for into that log, too."),
)


def serving_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of everything that answers over HTTP, as `run_service` takes them."""
    for option in reversed(SERVING_OPTIONS):
        command = option(command)
    return command


@click.command()
@INDEX_OR_CLUSTER_OPTION
@serving_options
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that answer (Linux, macOS)."
)
@click.option("--writable", is_flag=True, help="Let clients add and remove documents.")
def serve(folder: Path, workers: int, writable: bool, **how: Any) -> None:
    """Answer searches over HTTP, and embed texts as OpenAI's API does. Ctrl-C ends it.

    \b
    index serve
    curl 'http://127.0.0.1:8000/search?query=password&k=3&where=folder%3Doffice'
    curl http://127.0.0.1:8000/search -H 'Content-Type: application/json' \\
        -d '{"query": "電車が遅れた証拠がほしい", "k": 3, "where": {"type": ["md", "docx"]}}'

    \b
    GET /search, POST /search   the arguments of `index search`; answers what its --json prints
    GET /facets, GET /info      what searches can be restricted to; what the index is
    GET /health                 whether it can be searched
    POST /v1/embeddings         vectors of texts by the model of the index
    POST /v1/rerank             texts in the order in which they answer a query, by that model
    GET /v1/models              what that model is called
    GET /documents              what documents there are, some at a time
    POST /documents, PUT and DELETE /documents/ID, POST /documents/delete
                                with --writable: add documents or files, and remove documents
    GET /openapi.json, /docs    all of this for programs, and as a page (extra `service`)
    GET /metrics                counts of requests and sizes of the index, for Prometheus (extra `service`)

    From Python, with OpenAI's client:

    \b
    from openai import OpenAI
    client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any, or the key")
    client.embeddings.create(model="default", input=["猫", "a cat"], dimensions=256)

    Clients that know OpenAI's models only may ask for text-embedding-3-small: it is this model under that name.

    What other commands commit is searched from then on. One process uses little more than one core; with --workers
    several answer at the same port, each with memory of its own for all but the index's files.

    Only this machine can reach the service, and all its users can; with --host others can too, who must send a key.
    It is sent as it is, so in a network that others can read give a certificate, or put a server with TLS in front.
    A file of keys has one on each line, with `read` behind those that may only read; it is read again when it changes.
    """
    run_service(folder, str(folder), workers=workers, writable=writable, **how)


def run_service(
    folder: Path,
    named: str,
    *,
    port: int,
    host: str,
    key_file: Path | None,
    model_name: str | None,
    origins: tuple[str, ...],
    tls_certificate: Path | None,
    tls_key: Path | None,
    request_log: Path | None,
    log_queries: bool,
    workers: int = 1,
    writable: bool = False,
    opening: "Opening | None" = None,
) -> None:
    """Serve until Ctrl-C.

    Args:
        folder: As `Served` has it; so are ``opening`` and the options.
        named: What is served, for people.
        port: To listen on.
        host: To listen on.
        key_file: See the option; so all that follow.
        model_name: See the option.
        origins: See the option.
        tls_certificate: See the option.
        tls_key: See the option.
        request_log: See the option.
        log_queries: See the option.
        workers: See the option.
        writable: See the option.
        opening: As `Served` has it.
    """
    if log_queries and request_log is None:
        raise click.UsageError(say("Give the log that queries are to be written into, too: --request-log FILE."))

    from sakuin.service.served import Served
    from sakuin.service.serving import serve

    def ready(address: str) -> None:
        click.echo(say("{address} serves {folder}; Ctrl-C ends it.", address=address, folder=named))
        sys.stdout.flush()

    def died(sentence: str) -> None:
        click.echo(phrase(sentence), err=True)

    served = Served(
        folder,
        opening=opening,
        key_file=key_file,
        model_name=model_name,
        writable=writable,
        origins=origins,
        certificate=tls_certificate,
        certificate_key=tls_key,
        request_log=request_log,
        log_queries=log_queries,
    )
    serve(served, host, port, workers=workers, ready=ready, died=died)
    click.echo(say("No longer serving."), err=True)


MCP_OPTIONS = (
    click.option("--http", is_flag=True, help="Speak streamable HTTP at /mcp of a port, not over stdin and stdout."),
    click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True, help="Port, with --http."),
    click.option("--writable", is_flag=True, help="Let assistants add documents."),
)


def mcp_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of what speaks the Model Context Protocol, as `run_mcp` takes them."""
    for option in reversed(MCP_OPTIONS):
        command = option(command)
    return command


@click.command()
@INDEX_OR_CLUSTER_OPTION
@mcp_options
def mcp(folder: Path, http: bool, port: int, writable: bool) -> None:
    """Let assistants search the index by the Model Context Protocol.

    \b
    claude mcp add documents -- index mcp --index /path/of/.sakuin      Claude Code
    code --add-mcp '{"name": "documents", "command": "index",
                     "args": ["mcp", "--index", "/path/of/.sakuin"]}'   VS Code

    Claude Desktop and Cursor start it by the same command from their settings, see the README. Only with --writable
    is anything written.

    \b
    search    documents that answer a question, with their passages
    fetch     the text of one of them, a part at a time
    similar   documents like one of them
    facets    what a search can be restricted to
    explain   what the score of a document is made of
    add       with --writable: a text, to be found from then on

    What other commands commit is searched from then on. Only this machine can reach it, also with --http.
    """
    from sakuin.search.searcher import Searcher

    run_mcp(lambda: Searcher.open(folder), str(folder), http=http, port=port, writable=writable)


def run_mcp(opening: "Opening", named: str, *, http: bool, port: int, writable: bool) -> None:
    """Speak the Model Context Protocol until the client ends, or Ctrl-C.

    Args:
        opening: Opens what is searched.
        named: What that is, for people.
        http: See the option; so all that follow.
        port: See the option.
        writable: See the option.
    """
    with needing("mcp"):
        from sakuin.mcp.running import run_http, run_stdio

    if not http:
        run_stdio(opening, writable=writable)
        return

    from sakuin.addresses import listening

    def ready() -> None:
        address = f"http://127.0.0.1:{port}/mcp"
        click.echo(say("{address} serves {folder}; Ctrl-C ends it.", address=address, folder=named))
        sys.stdout.flush()

    # Before the index is opened, which may take a while, so that a port in use is known at once.
    with listening("127.0.0.1", port) as listener:
        run_http(opening, listener, ready, writable=writable)
    click.echo(say("No longer serving."), err=True)
