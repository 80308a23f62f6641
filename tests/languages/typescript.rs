//! TypeScript, which several engines run.

use serde_json::json;

use crate::bench::{on_this_machine, setup};
use crate::harness::Setup;
use crate::harness::web::{Server, private};

#[test]
fn node_runs_it_from_some_version_on_and_says_so_before() {
    on_this_machine("node", |bench| {
        let engines = bench.client.request("engine/list", json!({}))["engines"].take();
        let node = engines.as_array().unwrap().iter().find(|engine| engine["id"] == "node").unwrap().clone();
        assert_eq!(node["laterLanguages"], json!(["typescript", "ts"]));
        let version = node["version"].as_str().unwrap().trim_start_matches('v').to_owned();
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap());
        let is_late = (parts.next().unwrap(), parts.next().unwrap()) >= (22, 6);
        let wish = json!({"runtime": "native", "engine": "node", "language": "typescript"});
        let code = "const word: string = 'typed';\nconsole.log(word);\n";
        if is_late {
            let session = bench.client.create_session(wish);
            let run = bench.client.execute(&session, json!({"code": code}));
            assert_eq!((run.stdout().as_str(), run.stderr().as_str()), ("typed\n", ""));
            return;
        }
        let refused = bench.client.call("session/create", wish).unwrap_err();
        assert_eq!(refused["code"], 1201, "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("from version 22.6 on") && message.contains(&version), "{refused}");
        let hint = refused["data"]["hint"].as_str().unwrap();
        assert!(hint.contains("deno") && hint.contains("bun"), "{refused}");
        // The same for a file of a session that was made for JavaScript.
        let session = bench.session.clone();
        bench.client.request("fs/write", json!({"sessionId": session, "path": "main.ts", "data": code}));
        let source = json!({"file": "main.ts"});
        let refused = bench.client.call("session/execute", json!({"sessionId": session, "source": source}));
        assert_eq!(refused.unwrap_err()["code"], 1201);
    });
}

#[test]
fn deno_has_the_permissions_of_a_program_and_no_more() {
    on_this_machine("deno", |bench| {
        let session = bench.session.clone();
        bench.client.request("fs/write", json!({"sessionId": session, "path": "in.txt", "data": "text"}));
        let code = "const tries: [string, () => unknown][] = [\n\
            ['workspace', () => Deno.readTextFileSync('in.txt')],\n\
            ['tmp', () => Deno.writeTextFileSync('/tmp/x', 'x')],\n\
            ['env', () => Deno.env.get('HOME')],\n\
            ['passwd', () => Deno.readTextFileSync('/etc/passwd')],\n\
            ['proc', () => Deno.readTextFileSync('/proc/self/environ')],\n\
            ['run', () => new Deno.Command('true').outputSync()],\n\
            ['net', () => Deno.listen({ port: 0 })],\n\
            ['ffi', () => Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', {})],\n\
            ];\n\
            for (const [name, attempt] of tries) {\n\
              try { attempt(); console.log(name, 'allowed'); } catch (error) { console.log(name, (error as Error).name); }\n\
            }\n";
        let run = bench.client.execute(&session, json!({"code": code}));
        let expected = "workspace allowed\ntmp allowed\nenv allowed\npasswd NotCapable\nproc NotCapable\nrun NotCapable\n\
                        net NotCapable\nffi NotCapable\n";
        assert_eq!(run.stdout(), expected, "{}", run.stderr());
        // A client may grant more, which the sandbox bounds as ever.
        let source = json!({"code": code, "engineArgs": ["--allow-net", "--allow-run"]});
        let run = bench.client.execute(&session, source);
        let more = expected.replace("run NotCapable", "run allowed").replace("net NotCapable", "net allowed");
        assert_eq!(run.stdout(), more, "{}", run.stderr());
    });
}

#[test]
fn the_sessions_own_engine_comes_before_others() {
    let mut client = setup(Setup::default()).initialized();
    let engines = client.request("engine/list", json!({}))["engines"].take();
    if engines.as_array().unwrap().iter().any(|one| one["id"] == "bun" && one["available"] == false) {
        return crate::harness::skip::skip("Bun is not installed");
    }
    let wish = json!({"runtime": "native", "engine": "bun", "language": "typescript"});
    let created = client.request("session/create", wish);
    assert_eq!(created["language"], "typescript", "{created}");
    let session = created["sessionId"].as_str().unwrap();
    let code = "console.log(typeof Bun, typeof Deno, import.meta.path.split('/').at(-1))";
    for source in [json!({"code": code}), json!({"code": code, "language": "ts"})] {
        assert_eq!(client.execute(session, source).stdout(), "object undefined main.ts\n");
    }
    let run = client.execute(session, json!({"code": code, "language": "javascript"}));
    assert_eq!(run.stdout(), "object undefined main.js\n");
}

#[test]
fn deno_reaches_what_its_session_may_and_nothing_in_one_without_a_network() {
    on_this_machine("deno", |_| {
        let server = Server::start();
        let host = format!("127.0.0.1:{}", server.port());
        let settings = tempfile::tempdir().unwrap();
        let file = settings.path().join("config.toml");
        std::fs::write(&file, private(std::slice::from_ref(&host))).unwrap();
        let mut client = setup(Setup::default()).arg("--config").arg(&file).initialized();
        // This machine's loopback is usually asked for without a proxy.
        let env = json!({"NO_PROXY": "", "no_proxy": ""});
        let code = format!("console.log((await fetch('http://{host}/')).status)");
        for (network, met) in [(json!({"mode": "none"}), 0), (json!({"mode": "allowlist", "allow": [host]}), 1)] {
            let session = client.create_session(json!({"runtime": "native", "engine": "deno", "network": network}));
            let run = client.execute(&session, json!({"code": code, "env": env}));
            let expected = if met == 1 { "200\n" } else { "" };
            assert_eq!((run.stdout().as_str(), server.met()), (expected, met), "{}", run.stderr());
        }
    });
}
