use serde_json::json;

use super::*;

#[test]
fn a_configuration_names_an_adapter_well_or_is_told_what_is_wrong() {
    assert!(Adapters::of(&json!({"program": "a"})).unwrap().is_none());
    for (adapter, what) in [
        (json!({}), "command"),
        (json!({"command": []}), "command"),
        (json!({"command": ["a", 1]}), "command"),
        (json!({"command": "a"}), "command"),
        (json!({"command": ["a"], "transport": "pipe"}), "transport"),
        (json!({"command": ["a"], "transport": "port"}), PORT),
    ] {
        let wrong = Adapters::of(&json!({"adapter": adapter})).unwrap_err();
        assert!(wrong.contains(what), "{adapter}: {wrong}");
    }
    let adapter = json!({"command": ["a", "--port=${port}"], "transport": "port"});
    let adapter = Adapters::of(&json!({"adapter": adapter})).unwrap().unwrap();
    let target = Target {
        what: What::File("/workspace/a".to_owned()),
        args: Vec::new(),
        engine_args: Vec::new(),
        cwd: "/workspace".to_owned(),
        stop_on_entry: false,
        just_my_code: Vec::new(),
        children: false,
        source_maps: false,
    };
    let preparation = adapter.prepare(&target, "/run/codebeaker/exe_1").unwrap();
    let expected = format!("--port={}", port("/run/codebeaker/exe_1"));
    assert_eq!((preparation.program.as_deref(), preparation.args), (Some("a"), vec![expected]));
    assert!(!preparation.side);
}

#[test]
fn executions_have_ports_of_their_own() {
    let ports: std::collections::HashSet<u16> = (0..100).map(|number| port(&format!("/run/x/exe_{number}"))).collect();
    assert!(ports.len() > 95 && ports.iter().all(|port| (10_000..30_000).contains(port)), "{ports:?}");
}
