//! What cells do beside printing: what they show, what they ask for, what is asked about them; and what a hostile one
//! can do to the daemon: nothing.

use serde_json::{Value, json};

use super::contexts::{cell, context, open, run, told};
use crate::harness::session::Execution;
use crate::harness::{Client, Place};

/// The smallest picture that is one.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

/// What of matplotlib a figure takes, as that has it.
const FIGURES: &str = "
import base64, os
os.makedirs('matplotlib', exist_ok=True)
files = {'__init__': 'rcParams = {}\\ndef use(name): rcParams[\"backend\"] = name\\n',
 'backend_bases': 'class FigureManagerBase:\\n    def show(self): raise OSError(\"no window\")\\n',
 'figure': 'import base64\\nclass Figure:\\n    axes, lines = [1], []\\n    def savefig(self, file, **_): file.write(base64.b64decode(\"PICTURE\"))\\n',
 'pyplot': 'from . import backend_bases, figure as _f\\nopen = {}\\ndef plot(_): open.setdefault(1, _f.Figure())\\ndef get_fignums(): return list(open)\\ndef figure(n): return open[n]\\ndef close(f): open.clear()\\ndef show(): raise OSError(\"no window\")\\n'}
for name, text in files.items(): open(f'matplotlib/{name}.py', 'w').write(text)
";

fn displays(execution: &Execution) -> &Vec<Value> {
    execution.result["displays"].as_array().unwrap_or_else(|| panic!("it shows something: {:?}", execution.result))
}

pub(crate) fn what_is_shown_comes_in_several_forms(place: Place) {
    let (mut client, session, context) = open(place);
    let ready = run(&mut client, &session, &context, &FIGURES.replace("PICTURE", PICTURE));
    assert_eq!(ready.outcome(), "ok", "{}", ready.stderr());
    let plotted = run(&mut client, &session, &context, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);");
    let figure = &displays(&plotted)[0];
    assert_eq!((&figure["kind"], &figure["data"]["image/png"]), (&json!("display"), &json!(PICTURE)), "{figure}");
    assert!(plotted.methods.iter().any(|method| method == "execution/display"), "{:?}", plotted.methods);
    let code = "
class Frame:
    def _repr_html_(self): return '<table>1</table>'
    def __repr__(self): return '   a\\n0  1'
print('before')
handle = display('first', display_id=True)
handle.update('second')
Frame()";
    let shown = run(&mut client, &session, &context, code);
    let kinds: Vec<_> = displays(&shown).iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["display", "update", "result"]);
    assert_eq!(displays(&shown)[0]["displayId"], displays(&shown)[1]["displayId"]);
    let forms = json!({"text/html": "<table>1</table>", "text/plain": "   a\n0  1"});
    assert_eq!((&displays(&shown)[2]["data"], shown.stdout().as_str()), (&forms, "before\n"));
    // What is too long for this client is left out, and said so.
    let code = "
class Large:
    def _repr_html_(self): return 'x' * 300_000
    def __repr__(self): return 'large'
Large()";
    let large = run(&mut client, &session, &context, code);
    let bundle = &displays(&large)[0];
    assert_eq!((&bundle["data"], &bundle["omitted"]), (&json!({"text/plain": "large"}), &json!(["text/html"])));
}

pub(crate) fn a_client_that_shows_text_alone_gets_text(place: Place) {
    let mut client = place.setup().spawn();
    let features = json!({"streaming": true, "contexts": true});
    let capabilities = json!({"experimental": {"codebeaker": {"features": features}}});
    client.request("initialize", json!({"processId": null, "rootUri": null, "capabilities": capabilities}));
    client.notify("initialized", json!({}));
    let session = place.session(&mut client, json!({}));
    let context = context(&mut client, &session);
    let code = "try: input()\nexcept EOFError: print('no input')\nclass A:\n    def _repr_html_(self): return '<b>'\n    def __repr__(self): return 'text'\nA()";
    let ended = run(&mut client, &session, &context, code);
    assert_eq!((ended.stdout().as_str(), ended.result.get("displays")), ("no input\ntext\n", None));
}

/// Waits for a question of an execution's, and returns its id and what it says.
fn question(client: &mut Client, execution: &str) -> (Value, Value) {
    let asked = client.claim("execution/inputRequest", |message| {
        message["method"] == "execution/inputRequest" && message["params"]["executionId"] == execution
    });
    (asked.message["id"].clone(), asked.message["params"].clone())
}

pub(crate) fn input_is_asked_of_the_client(place: Place) {
    let (mut client, session, context) = open(place);
    let code = "import getpass\nname = input('who? ')\nsecret = getpass.getpass()\ntry: input()\nexcept EOFError: print(name, len(secret))";
    let (id, execution) = client.begin(cell(&session, &context, code));
    let (number, asked) = question(&mut client, &execution);
    assert_eq!((&asked["prompt"], &asked["password"]), (&json!("who? "), &json!(false)));
    client.send(&json!({"jsonrpc": "2.0", "id": number, "result": {"value": "h\u{e9}lo"}}));
    let (number, asked) = question(&mut client, &execution);
    assert_eq!(asked["password"], true);
    client.send(&json!({"jsonrpc": "2.0", "id": number, "result": {"value": "12345"}}));
    let (number, _) = question(&mut client, &execution);
    client.send(&json!({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no"}}));
    assert_eq!(client.finished(id).stdout(), "h\u{e9}lo 5\n");
    // One that nobody answers is interrupted as any other.
    let (id, execution) = client.begin(cell(&session, &context, "input()"));
    let (number, _) = question(&mut client, &execution);
    client.request("execution/interrupt", json!({"executionId": execution}));
    assert_eq!(client.finished(id).outcome(), "killed");
    assert_eq!(client.notification("$/cancelRequest")["id"], number);
    assert_eq!(run(&mut client, &session, &context, "print(name)").stdout(), "h\u{e9}lo\n");
}

pub(crate) fn an_interpreter_answers_questions(place: Place) {
    let (mut client, session, context) = open(place);
    let code = "import os\nwords = ['\u{1f600}', 'b']\ndef greet(name: str, *, loud=False):\n    'Says hello.'\n";
    run(&mut client, &session, &context, code);
    // Places are counted as in LSP, whatever the interpreter counts.
    let code = "'\u{1f600}'; os.getcw";
    let cursor = code.encode_utf16().count();
    let asked = json!({"contextId": context, "code": code, "cursor": cursor});
    let found = client.request("context/complete", asked);
    let texts: Vec<_> = found["matches"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&"getcwd"), "{found}");
    assert_eq!((&found["start"], &found["end"]), (&json!(cursor - 5), &json!(cursor)), "{found}");
    let found = client.request("context/inspect", json!({"contextId": context, "code": "greet(", "cursor": 6}));
    assert_eq!((&found["found"], &found["doc"]), (&json!(true), &json!("Says hello.")), "{found}");
    assert!(found["signature"].as_str().unwrap().contains("loud=False"), "{found}");
    let found = client.request("context/variables", json!({"contextId": context, "count": 1}));
    assert_eq!((&found["total"], &found["variables"][0]["name"]), (&json!(2), &json!("words")), "{found}");
    assert_eq!((found["variables"].as_array().unwrap().len(), &found["variables"][0]["size"]), (1, &json!(2)));
    let unknown = json!({"contextId": "ctx_none", "code": "", "cursor": 0});
    assert_eq!(client.call("context/complete", unknown).unwrap_err()["code"], 1303);
}

/// Finds the driver's own stream, which a program of the same process can write to as well.
const FIND: &str = "
import os, stat
side = max(int(name) for name in os.listdir('/proc/self/fd')
           if os.path.exists('/proc/self/fd/' + name) and stat.S_ISSOCK(os.stat('/proc/self/fd/' + name).st_mode))
def say(data):
    while data: data = data[os.write(side, data):]
";

pub(crate) fn a_hostile_cell_costs_its_own_interpreter_at_most(place: Place) {
    let (mut client, session, own) = open(place);
    let other = context(&mut client, &session);
    run(&mut client, &session, &other, "kept = 'kept'");
    let attacks = [
        "say(b'garbage\\n')",
        "say(b'\\xff\\x00\\n')",
        "say(b'x' * 5_000_000)",
        "say(b'[' * 100_000 + b'\\n')",
        "say(b'[' + b'1,' * 1_000_000 + b'1]\\n')",
        "say(b'{\"event\":\"ready\",\"version\":\"9\"}\\n')",
        "say(b'{\"event\":\"done\",\"id\":99,\"status\":\"ok\"}\\n')",
        "say(b'{\"event\":\"display\",\"id\":99,\"kind\":\"result\",\"data\":{}}\\n')",
        "say(b'{\"event\":\"answer\",\"id\":99}\\n')",
        "os.close(side)",
        "os.shutdown(side, 2) if hasattr(os, 'shutdown') else __import__('socket').socket(fileno=side).shutdown(2)",
    ];
    for attack in attacks {
        let attacked = cell(&session, &own, &format!("{FIND}\n{attack}\nimport time\ntime.sleep(600)"));
        let ended = client.execute_with(attacked);
        assert_eq!(ended.result["contextLost"], true, "{attack}: {:?}", ended.result);
        assert_eq!(told(&mut client, &own), "crashed", "{attack}");
        client.request("context/restart", json!({"contextId": own}));
        assert_eq!(told(&mut client, &own), "idle", "{attack}");
        assert_eq!(run(&mut client, &session, &other, "print(kept)").stdout(), "kept\n", "{attack}");
    }
    // What is said in the driver's name and can be true is taken for it, within bounds.
    let flood = "
for number in range(2000):
    say(b'{\"event\":\"display\",\"id\":1,\"kind\":\"display\",\"data\":{\"text/plain\":\"' + b'x' * 20_000 + b'\"}}\\n')
";
    let ended = run(&mut client, &session, &own, &format!("{FIND}\n{flood}"));
    assert_eq!(ended.outcome(), "ok", "{:?}", ended.result["error"]);
    let kept = displays(&ended).len() as u64;
    assert!(kept < 200, "{kept} are kept");
    assert_eq!(kept + ended.result["displaysOmitted"].as_u64().unwrap(), 2000);
    let asks = "
for number in range(1000, 1100):
    say(b'{\"event\":\"input\",\"id\":2,\"input\":%d,\"prompt\":\"?\"}\\n' % number)
";
    let (id, execution) = client.begin(cell(&session, &own, &format!("{FIND}\n{asks}")));
    assert_eq!(client.finished(id).outcome(), "ok");
    let left = client.claim_all(|received| received.message["params"]["executionId"] == execution.as_str());
    assert!(left.len() <= 16, "{} questions", left.len());
    client.claim_all(|received| received.message["method"] == "$/cancelRequest");
    // An end that is forged ends the cell, and the true one is believed no more.
    let forged = "say(b'{\"event\":\"done\",\"id\":3,\"status\":\"ok\"}\\n')\nimport time\ntime.sleep(0.1)";
    let ended = run(&mut client, &session, &own, &format!("{FIND}\n{forged}"));
    assert_eq!(ended.outcome(), "ok", "{:?}", ended.result);
    let after = run(&mut client, &session, &own, "1");
    assert_eq!(after.result["contextLost"], true, "{:?}", after.result);
    assert_eq!(told(&mut client, &own), "crashed");
    assert_eq!(run(&mut client, &session, &other, "print(kept)").stdout(), "kept\n");
}

pub(crate) fn an_interpreter_out_of_memory_is_told_as_that(place: Place) {
    let (mut client, session) = place.open(json!({"limits": {"memoryBytes": 128 << 20}}));
    let context = context(&mut client, &session);
    let ended = run(&mut client, &session, &context, "hog = []\nwhile True: hog.append(bytearray(b'x') * (8 << 20))");
    assert_eq!(ended.outcome(), "outOfMemory", "{:?}", ended.result);
    assert_eq!(ended.result["contextLost"], true);
    assert_eq!(told(&mut client, &context), "crashed");
    client.request("context/restart", json!({"contextId": context}));
    assert_eq!(told(&mut client, &context), "idle");
}

pub(crate) fn javascript_has_live_interpreters_too(place: Place) {
    let (mut client, session) = place.open(json!({"language": "javascript"}));
    let context = context(&mut client, &session);
    let first = run(
        &mut client,
        &session,
        &context,
        "let x = [1, 2];\nconst f = async () => 'awaited';\nconsole.log(await f());\nx",
    );
    assert_eq!((first.outcome(), first.stdout().as_str()), ("ok", "awaited\n"), "{}", first.stderr());
    assert_eq!(displays(&first)[0]["data"]["text/plain"], "[ 1, 2 ]");
    let (id, execution) = client.begin(cell(&session, &context, "console.log('in'); for (;;);"));
    client.wait_for_output(&execution, "in");
    client.request("execution/interrupt", json!({"executionId": execution}));
    assert_eq!(client.finished(id).outcome(), "killed");
    let mut failing = cell(&session, &context, "function fail() {\n  throw new TypeError('no');\n}\nfail();");
    failing["source"]["uri"] = "untitled:notes.js".into();
    failing["source"]["range"] = json!({"start": {"line": 4, "character": 0}, "end": {"line": 8, "character": 0}});
    let ended = client.execute_with(failing);
    let error = &ended.result["error"];
    assert_eq!((&error["name"], &error["message"]), (&json!("TypeError"), &json!("no")), "{:?}", ended.result);
    let last = error["frames"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["uri"], &last["line"], &last["function"]),
        (&json!("untitled:notes.js"), &json!(6), &json!("fail"))
    );
    let code = "const name = prompt('who? ');\nconsole.log(name);";
    let (id, execution) = client.begin(cell(&session, &context, code));
    let (number, _) = question(&mut client, &execution);
    client.send(&json!({"jsonrpc": "2.0", "id": number, "result": {"value": "ada"}}));
    assert_eq!(client.finished(id).stdout(), "ada\n");
    let found =
        client.request("context/complete", json!({"contextId": context, "code": "'\u{1f600}'; x.inclu", "cursor": 13}));
    assert_eq!((&found["matches"][0]["text"], &found["start"]), (&json!("includes"), &json!(8)), "{found}");
    let found = client.request("context/variables", json!({"contextId": context}));
    assert!(found["variables"].as_array().unwrap().iter().any(|one| one["name"] == "x"), "{found}");
    let found = client.request("context/inspect", json!({"contextId": context, "code": "fail", "cursor": 4}));
    assert_eq!(found["found"], true, "{found}");
    let ended = run(&mut client, &session, &context, "process.exit(4)");
    assert_eq!((ended.outcome(), ended.exit_code()), ("error", Some(4)), "{:?}", ended.result);
    let crash = run(&mut client, &session, &context, "process.kill(process.pid, 'SIGKILL')");
    assert_eq!((crash.outcome(), &crash.result["contextLost"]), ("killed", &json!(true)), "{:?}", crash.result);
    assert_eq!(told(&mut client, &context), "crashed");
    client.request("context/restart", json!({"contextId": context}));
    assert_eq!(told(&mut client, &context), "idle");
    assert_eq!(run(&mut client, &session, &context, "console.log(typeof x)").stdout(), "undefined\n");
    // Types can be read by some versions of Node; others say what would help.
    let created = client.call("context/create", json!({"sessionId": session, "language": "typescript"}));
    match created {
        Ok(created) => {
            assert_eq!(created["language"], "typescript", "{created}");
            let typed = created["contextId"].as_str().unwrap();
            let ended = run(&mut client, &session, typed, "const n: number = 3; console.log(n)");
            assert_eq!(ended.stdout(), "3\n", "{}", ended.stderr());
        }
        Err(error) => {
            assert_eq!(error["code"], 1201, "{error}");
            assert!(error["data"]["hint"].as_str().unwrap().contains("Node 22"), "{error}");
        }
    }
}
