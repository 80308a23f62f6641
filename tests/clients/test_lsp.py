"""pytest-lsp as the client: the handshake, sessions, and the rules of the stream, seen from Python."""

import asyncio
import os

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities, make_test_lsp_client

SERVER = [os.environ.get("CODEBEAKER_BIN", "target/debug/codebeaker")]
OURS = {
    "protocolVersions": ["1.0"],
    "features": {"streaming": {"encodings": ["utf8", "base64"]}, "stdin": True, "pty": True},
}
EVENTS = ["execution/started", "execution/output", "execution/outputGap", "execution/exited", "session/stateChanged"]


def make_client() -> LanguageClient:
    """A client that keeps our notifications in the order in which they come."""
    client = make_test_lsp_client()
    client.events = []
    for event in EVENTS:
        client.feature(event)(lambda params, event=event: client.events.append((event, params)))
    return client


def config():
    return ClientServerConfig(server_command=SERVER, client_factory=make_client)


async def begin(client, profile, ours=None):
    capabilities = client_capabilities(profile)
    if ours is not None:
        capabilities.experimental = {"codebeaker": ours}
    params = types.InitializeParams(process_id=os.getpid(), root_uri=None, capabilities=capabilities)
    return await client.initialize_session(params)


@pytest_lsp.fixture(config=config())
async def client(lsp_client: LanguageClient):
    lsp_client.hello = await begin(lsp_client, "visual-studio-code", OURS)
    yield
    await lsp_client.shutdown_session()
    assert lsp_client._server.returncode == 0


@pytest_lsp.fixture(config=config(), params=["visual-studio-code", "neovim", "emacs"])
async def plain_client(request, lsp_client: LanguageClient):
    """An editor that has never heard of codebeaker."""
    lsp_client.hello = await begin(lsp_client, request.param)
    yield
    await lsp_client.shutdown_session()
    assert lsp_client._server.returncode == 0


def call(client, method, **params):
    return client.protocol.send_request_async(method, params)


async def create(client, **params):
    return (await call(client, "session/create", **params)).sessionId


async def run(client, session, code, language="python", **options):
    source = {"code": code, "language": language}
    return await call(client, "session/execute", sessionId=session, source=source, **options)


async def event(client, method):
    """The first event of this method, when it has come."""
    while not (found := [params for event, params in client.events if event == method]):
        await asyncio.sleep(0.005)
    return found[0]


def text(client, stream="stdout"):
    chunks = [params for event, params in client.events if event == "execution/output" and params.stream == stream]
    assert all(chunk.encoding == "utf8" for chunk in chunks)
    return "".join(chunk.data for chunk in chunks)


async def printed(client, wanted):
    while text(client) != wanted:
        await asyncio.sleep(0.005)


async def refusal(request):
    with pytest.raises(JsonRpcException) as refused:
        await request
    return refused.value


async def test_the_handshake_says_what_can_be_had(client):
    assert client.hello.server_info.name == "codebeaker"
    ours = client.hello.capabilities.experimental["codebeaker"]
    assert ours["protocolVersion"] == "1.0"
    assert ours["features"]["stdin"] is True
    assert "debug" not in ours["features"], "what the client leaves out is not offered"
    assert {"session/create", "session/execute", "execution/stdin", "fs/read"} <= set(ours["methods"])
    assert [runtime["id"] for runtime in ours["runtimes"] if runtime["available"]]
    assert {"python", "node", "bash"} <= {engine["id"] for engine in ours["engines"]}


async def test_an_editor_without_a_plug_in_is_served(plain_client):
    session = await create(plain_client, language="bash")
    result = await run(plain_client, session, "echo $((6 * 7))", "bash")
    assert (result.outcome, result.exitCode) == ("ok", 0)
    assert text(plain_client) == "42\n"


async def test_a_session_is_born_listed_and_closed(client):
    session = await create(client, language="python", labels={"of": "test"})
    assert (await call(client, "session/get", sessionId=session)).labels.of == "test"
    assert [each.sessionId for each in (await call(client, "session/list")).sessions] == [session]
    await call(client, "session/close", sessionId=session)
    assert (await call(client, "session/list")).sessions == []
    assert (await refusal(call(client, "session/get", sessionId=session))).code in (1100, 1101)
    assert [params.to for event, params in client.events if event == "session/stateChanged"][-1] == "closed"


async def test_output_comes_whole_in_order_and_before_the_answer(client):
    session = await create(client)
    client.events.clear()
    result = await run(client, session, "for i in range(20_000): print(i, 'é' * 20)")
    events = [event for event, _ in client.events if event.startswith("execution/")]
    assert events[0] == "execution/started" and events[-1] == "execution/exited"
    assert set(events[1:-1]) == {"execution/output"}
    chunks = [params for event, params in client.events if event == "execution/output"]
    assert [chunk.seq for chunk in chunks] == list(range(chunks[0].seq, chunks[0].seq + len(chunks)))
    offset = 0
    for chunk in chunks:
        assert chunk.offset == offset
        offset += len(chunk.data.encode())
    assert text(client) == "".join(f"{i} {'é' * 20}\n" for i in range(20_000))
    assert result.stdout.bytes == offset and not result.stdout.truncated


async def test_both_streams_keep_what_they_are(client):
    session = await create(client)
    await run(client, session, "echo out; echo err >&2", "bash")
    assert (text(client), text(client, "stderr")) == ("out\n", "err\n")


async def test_bytes_that_are_no_text_travel_as_base64(client):
    session = await create(client)
    await run(client, session, r"printf '\377\376'", "bash")
    chunk = await event(client, "execution/output")
    assert (chunk.encoding, chunk.data) == ("base64", "//4=")


async def test_a_failing_program_is_a_result(client):
    session = await create(client)
    result = await run(client, session, "raise SystemExit(3)")
    assert (result.outcome, result.exitCode) == ("error", 3)
    result = await run(client, session, "kill -SEGV $$", "bash")
    assert result.signal == "SIGSEGV"
    assert not hasattr(result, "exitCode")


async def test_a_program_that_takes_too_long_is_stopped(client):
    session = await create(client)
    result = await run(client, session, "print('begun')\nwhile True: pass", timeoutMs=300)
    assert result.outcome == "timeout"
    assert text(client) == "begun\n"


async def test_a_program_is_typed_into(client):
    session = await create(client)
    code = "name = input()\nprint('hello', name)\nimport sys\nprint(len(sys.stdin.read()))"
    answer = asyncio.ensure_future(run(client, session, code, stdin="stream"))
    execution = (await event(client, "execution/started")).executionId
    await call(client, "execution/stdin", executionId=execution, data="Ada\n")
    await event(client, "execution/output")
    await call(client, "execution/stdin", executionId=execution, data="xyz", eof=True)
    assert (await answer).outcome == "ok"
    assert text(client) == "hello Ada\n3\n"
    assert (await refusal(call(client, "execution/stdin", executionId=execution, data="late"))).code in (1301, 1302)


async def test_a_cancelled_run_answers_with_what_it_printed(client):
    session = await create(client)
    code = "try:\n    print('on and on')\n    while True: pass\nexcept KeyboardInterrupt:\n    print('tidied up')"
    source = {"code": code, "language": "python"}
    params = {"sessionId": session, "source": source}
    answer = asyncio.ensure_future(client.protocol.send_request_async("session/execute", params, msg_id="stop me"))
    await printed(client, "on and on\n")
    client.cancel_request(types.CancelParams(id="stop me"))
    assert (await answer).outcome == "cancelled"
    assert text(client) == "on and on\ntidied up\n", "it is interrupted before it is ended"
    assert (await run(client, session, "print('next')")).outcome == "ok", "the session goes on"


async def test_requests_are_served_while_a_program_runs(client):
    session = await create(client)
    answer = asyncio.ensure_future(run(client, session, "import time; time.sleep(60)"))
    execution = (await event(client, "execution/started")).executionId
    assert (await call(client, "session/get", sessionId=session)).executions.running == 1
    await call(client, "execution/kill", executionId=execution)
    assert (await answer).outcome == "killed"


async def test_files_go_in_and_come_out(client):
    session = await create(client)
    await call(client, "fs/write", sessionId=session, path="data/in.txt", data="seven\n", createParents=True)
    result = await run(client, session, "tr a-z A-Z < data/in.txt > out.txt", "bash")
    assert result.outcome == "ok"
    assert (await call(client, "fs/read", sessionId=session, path="out.txt")).data == "SEVEN\n"
    assert (await refusal(call(client, "fs/read", sessionId=session, path="../etc/passwd"))).code == 1401


async def test_what_is_wrong_is_said(client):
    assert (await refusal(call(client, "session/nonsense"))).code == -32601
    wrong = await refusal(call(client, "session/create", limits={"memoryByte": 1}))
    assert (wrong.code, wrong.data["path"]) == (-32602, "limits.memoryByte")
    assert (await refusal(run(client, "ses_nobody", "1"))).code == 1100
