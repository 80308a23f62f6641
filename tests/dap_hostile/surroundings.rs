//! What a debuggee finds around it: files, sockets, processes and modules that it could turn against its
//! debugger or its user.

use std::io::ErrorKind;
use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::lab::Session;
use super::stand::{Language, Stand};

/// Trap 1 as it was proven: the adapter's own standard output, by `/proc`.
#[test]
fn the_adapter_is_not_among_its_processes() {
    let program = "import glob, os\n\
        others = []\n\
        for path in glob.glob('/proc/[0-9]*/fd/1'):\n    \
            pid = int(path.split('/')[2])\n    \
            try:\n        \
                os.close(os.open(path, os.O_WRONLY))\n        \
                if pid != os.getpid():\n            others.append(open('/proc/%d/cmdline' % pid).read())\n    \
            except OSError:\n        \
                pass\n\
        print('looked', others, flush=True)\n";
    let mut session = Session::running(program);
    session.wait_for_line("looked ");
    assert!(session.printed.contains("looked []"), "{:?}", session.printed);
    session.ends_with(0);
    session.over();
}

/// Trap 3: what a client evaluates is evaluated in the sandbox, and nowhere else.
#[test]
fn evaluation_sees_nothing_of_the_host() {
    let secret = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(secret.path(), "the secret of the host").expect("it is ours");
    let mut session = Session::prepared("number = 1\nprint('here', number)\n");
    let frame = stopped_at(&mut session, 2);
    let path = secret.path().display().to_string();
    for context in ["hover", "watch", "repl"] {
        let expression = format!("open({path:?}).read()");
        let arguments = json!({"expression": expression, "frameId": frame, "context": context});
        let answer = session.client.call("evaluate", arguments);
        assert!(!answer.to_string().contains("the secret"), "{answer}");
    }
    let condition = format!("open({path:?}).read()");
    let breakpoints = json!([{"line": 2, "condition": condition, "logMessage": format!("{{open({path:?}).read()}}")}]);
    let source = json!({"path": session.stand.program()});
    session.client.request("setBreakpoints", json!({"source": source, "breakpoints": breakpoints}));
    let record = session.over();
    assert!(!json!(record).to_string().contains("the secret"));
}

/// Trap 3: a value that is slow to show, or never done, holds nobody up for good.
#[test]
fn a_value_that_can_not_be_shown_is_given_up() {
    let program = "class Endless:\n    def __repr__(self):\n        while True:\n            pass\n\n\
                   class Long:\n    def __repr__(self):\n        return 'x' * (1 << 26)\n\n\
                   long, endless = Long(), Endless()\nprint('here')\n";
    let mut session = Session::prepared(program);
    let frame = stopped_at(&mut session, 11);
    let ask = |expression| json!({"expression": expression, "frameId": frame, "context": "hover"});
    let long = session.client.call("evaluate", ask("long"));
    assert!(long.to_string().len() < 1 << 20, "a value of {} bytes", long.to_string().len());
    let seq = session.client.send("evaluate", Some(&ask("endless")));
    session.client.call("cancel", json!({"requestId": seq}));
    let answer = session.client.answer(seq);
    assert!(answer.is_ok(), "{answer:?}");
    session.over();
}

/// Trap 4: the descriptor of the channel ends with the program that it was given to.
#[test]
fn programs_that_it_starts_have_no_channel() {
    let program = "import subprocess, sys\n\
        look = 'import os\\nfor n in os.listdir(\"/proc/self/fd\"):\\n'\n\
        look += '    try: print(n, os.readlink(\"/proc/self/fd/\" + n))\\n    except OSError: pass\\n'\n\
        found = subprocess.run([sys.executable, '-c', look], stdout=subprocess.PIPE, close_fds=False).stdout.decode()\n\
        print('sockets', [line for line in found.splitlines() if 'socket:' in line], flush=True)\n";
    let mut session = Session::running(program);
    session.wait_for_line("sockets ");
    assert!(session.printed.contains("sockets []"), "{:?}", session.printed);
    session.ends_with(0);
    session.over();
}

/// Trap 4: V8's inspector lets in whoever reaches it, so nobody on the host may.
#[test]
fn the_inspector_listens_where_only_the_debuggee_is() {
    let stand = Stand::with_files(Language::Node, &[("evil.js", "let number = 1;\nconsole.log('here', number);\n")]);
    let mut session = Session::of(stand);
    stopped_at(&mut session, 2);
    let ours = std::fs::read_link("/proc/self/ns/net").expect("the kernel tells");
    let adapter = session.client.pid().expect("the adapter is a process of ours");
    let debuggees: Vec<u32> = below(adapter).into_iter().filter(|pid| is_node(*pid)).collect();
    assert!(!debuggees.is_empty(), "the debuggee is a process below the adapter");
    for pid in debuggees {
        let theirs = std::fs::read_link(format!("/proc/{pid}/ns/net")).expect("it is stopped, and ours");
        assert_ne!(ours, theirs, "the inspector listens on the host's own loopback");
    }
    session.over();
}

/// The processes below one.
fn below(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        next += 1;
    }
    found.split_off(1)
}

fn is_node(pid: u32) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.windows("--inspect".len()).any(|window| window == b"--inspect")
}

/// Traps 5 and 6: a map that the debuggee names is not fetched for it, nor are files that the map names.
#[test]
fn source_maps_open_nothing_on_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    listener.set_nonblocking(true).expect("a listener can be asked not to wait");
    let port = listener.local_addr().expect("it is bound").port();
    let map = json!({"version": 3, "sources": ["/etc/shadow", "../../../../root/.ssh/id_rsa"], "names": [],
                     "mappings": "AAAA;ACAA"});
    let map = STANDARD.encode(map.to_string());
    let urls = [
        format!("http://127.0.0.1:{port}/evil.js.map"),
        "file:///etc/passwd".to_owned(),
        "../../../../../etc/passwd".to_owned(),
        format!("data:application/json;base64,{map}"),
    ];
    for url in urls {
        let program = format!("let number = 1;\nconsole.log('here', number);\n//# sourceMappingURL={url}\n");
        let mut session = Session::of(Stand::with_files(Language::Node, &[("evil.js", &program)]));
        session.client.request("configurationDone", json!({}));
        session.wait_for("here 1");
        session.client.call("loadedSources", json!({}));
        session.ends_with(0);
        let record = json!(session.over()).to_string();
        assert!(!record.contains("root:x:0"), "what the host has in a file came out");
    }
    let asked = listener.accept();
    assert!(asked.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{asked:?}");
}

/// Trap 8: modules of the user's that are named like those that the helper imports.
#[test]
fn modules_of_the_users_shadow_none_of_the_helpers() {
    let mine = "raise SystemExit('the helper has imported the user\\'s module')\n";
    let names = ["json.py", "queue.py", "threading.py", "socket.py", "traceback.py", "types.py", "dis.py", "bdb.py"];
    let mut files = vec![("evil.py", "number = 1\nprint('here', number)\n")];
    files.extend(names.map(|name| (name, mine)));
    let mut session = Session::of(Stand::with_files(Language::Python, &files));
    let frame = stopped_at(&mut session, 2);
    let arguments = json!({"expression": "number", "frameId": frame, "context": "watch"});
    assert_eq!(session.client.request("evaluate", arguments)["result"], "1");
    for (command, arguments) in [
        ("completions", json!({"frameId": frame, "text": "num", "column": 4})),
        ("evaluate", json!({"expression": "w", "frameId": frame, "context": "repl"})),
        ("modules", json!({})),
    ] {
        session.client.request(command, arguments);
    }
    let thread = session.client.request("threads", json!({}))["threads"][0]["id"].clone();
    session.client.request("continue", json!({"threadId": thread}));
    session.wait_for("here 1");
    session.ends_with(0);
    session.over();
}

/// Trap 10: what the debuggee reads is its own input, on which nobody has said anything.
#[test]
fn its_input_is_its_own() {
    let program = "import os, select\n\
        there = select.select([0], [], [], 1)[0]\n\
        os.write(1, b'read %r\\n' % (os.read(0, 1000) if there else b''))\n";
    let mut session = Session::running(program);
    for _ in 0..10 {
        session.client.call("threads", json!({}));
    }
    session.wait_for_line("read ");
    assert!(session.printed.contains("read b''"), "{:?}", session.printed);
    session.ends_with(0);
    session.over();
}

/// Trap 2: the helper's own modules, in the hands of the debuggee.
#[test]
fn a_helper_that_is_taken_apart_ends_only_its_session() {
    let program = "import gc, sys\n\
        names = [name for name in sys.modules if 'codebeaker' in name]\n\
        print('found', len(names), flush=True)\n\
        for name in names:\n    \
            for key in list(vars(sys.modules[name])):\n        \
                if not key.startswith('__'):\n            setattr(sys.modules[name], key, None)\n\
        if hasattr(sys, 'monitoring'):\n    \
            for tool in range(6):\n        \
                if sys.monitoring.get_tool(tool):\n            sys.monitoring.free_tool_id(tool)\n\
        sys.settrace(None)\n\
        gc.collect()\n\
        print('taken apart', flush=True)\n\
        sys.exit(7)\n";
    let mut session = Session::prepared(program);
    let source = json!({"path": session.stand.program()});
    session.client.request("setBreakpoints", json!({"source": source, "breakpoints": [{"line": 900}]}));
    session.client.send("configurationDone", None);
    session.wait_for("found ");
    session.client.event("exited");
    session.client.event("terminated");
    session.over();
}

/// Begins, and gives the frame that is stopped at this line.
pub(crate) fn stopped_at(session: &mut Session, line: u32) -> Value {
    let source = json!({"path": session.stand.program()});
    let breakpoints = json!([{"line": line}]);
    session.client.request("setBreakpoints", json!({"source": source, "breakpoints": breakpoints}));
    session.client.send("configurationDone", None);
    let thread = session.client.event("stopped")["threadId"].clone();
    let frames = session.client.request("stackTrace", json!({"threadId": thread}));
    frames["stackFrames"][0]["id"].clone()
}
