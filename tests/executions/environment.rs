//! What a program finds in its environment, and who else gets to see it: nobody.

use std::fs;

use super::{command_lines, python};
use crate::harness::{Setup, eventually};
use serde_json::{Value, json};

const CANARY: &str = "c4n4ry-of-a-secret";

#[test]
fn a_program_finds_what_it_was_given_and_nothing_of_the_daemon() {
    for setup in Setup::users() {
        let mut client = setup.env("DAEMON_SECRET", "of the daemon").initialized();
        let session = client.create_session(json!({"env": {"OF_SESSION": "1", "BOTH": "session", "HOME": "/tmp"}}));
        let code = "import os, json; print(json.dumps(dict(os.environ)))";
        let source = |env: Value| json!({"code": code, "language": "python", "env": env});
        let execution = client.execute(&session, source(json!({"BOTH": "execution", "EMPTY": ""})));
        let env: Value = serde_json::from_str(&execution.stdout()).unwrap();
        for (name, value) in
            [("OF_SESSION", "1"), ("BOTH", "execution"), ("EMPTY", ""), ("HOME", "/tmp"), ("LANG", "C.UTF-8")]
        {
            assert_eq!(env[name], value, "{name}");
        }
        assert!(!execution.stdout().contains("daemon"), "{env}");
        client.request("session/update", json!({"sessionId": session, "env": {"NEW": "2"}}));
        let env: Value = serde_json::from_str(&client.execute(&session, source(json!({}))).stdout()).unwrap();
        assert_eq!((env["NEW"].as_str(), env.get("OF_SESSION")), (Some("2"), None), "{env}");
    }
}

#[test]
fn values_show_in_no_list_of_processes_no_log_and_no_error() {
    for setup in Setup::users() {
        let mut client = setup.env("CODEBEAKER_LOG", "trace").initialized();
        let created = client.request("session/create", json!({"language": "python", "env": {"SECRET": CANARY}}));
        let session = created["sessionId"].as_str().unwrap().to_owned();
        let mut source =
            python("import os, time; print(os.environ['OTHER'] == os.environ['SECRET'], flush=True); time.sleep(600)");
        source["env"] = json!({"OTHER": CANARY});
        let (id, execution) = client.begin(json!({"sessionId": session, "source": source}));
        client.wait_for_output(&execution, "True");
        let mut answers = vec![
            created,
            client.request("session/get", json!({"sessionId": session})),
            client.request("session/list", json!({})),
            client.request("session/update", json!({"sessionId": session, "env": {"SECRET": CANARY}})),
            client.request("execution/list", json!({})),
            client.request("execution/get", json!({"executionId": execution})),
        ];
        for params in [
            json!({"sessionId": session, "source": {"program": "no-such-program", "env": {"A": CANARY}}}),
            json!({"sessionId": session, "source": {"program": "true", "env": {"A=B": CANARY}}}),
            json!({"sessionId": session, "source": {"program": "true", "env": {"A": format!("{CANARY}\0")}}}),
            json!({"sessionId": session, "source": {"program": "true", "env": {"A": [CANARY]}}}),
            json!({"sessionId": session, "source": {"program": "true", "env": CANARY}}),
            json!({"sessionId": session, "source": {"program": "true", "env": {"A": CANARY}}, "timeout": 1}),
            json!({"sessionId": "ses_nobody", "source": {"program": "true", "env": {"A": CANARY}}}),
        ] {
            answers.push(client.call("session/execute", params).unwrap_err());
        }
        for answer in answers {
            assert!(!answer.to_string().contains(CANARY), "{answer}");
        }
        let lines = command_lines(&mut client);
        for (pid, line) in &lines {
            assert!(!line.contains(CANARY), "{pid}: {line}");
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let holds = environ.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!holds || line.contains("python"), "the environment of {pid}: {line}");
        }
        client.cancel(id);
        assert_eq!(client.finished(id).outcome(), "cancelled");
        client.request("session/close", json!({"sessionId": session}));
        client.claim_all(|received| received.message["method"] == "session/stateChanged");
        eventually("it logs at this level", || !client.log().is_empty());
        assert!(!client.log().contains(CANARY), "{}", client.log());
    }
}
