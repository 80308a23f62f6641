use std::time::Duration;

use super::*;
use crate::config::{AheadSettings, Limits};

const ENGINES: &[&str] = &["python", "node", "bash"];

fn read(text: &str) -> Configuration {
    parse(text, Path::new("config.toml"), ENGINES).unwrap_or_else(|error| panic!("{error}"))
}

fn wrong(text: &str) -> String {
    match parse(text, Path::new("config.toml"), ENGINES) {
        Err(error) => error.to_string(),
        Ok(configuration) => panic!("it was taken: {configuration:?}"),
    }
}

#[test]
fn an_empty_file_changes_nothing() {
    let (empty, default) = (read(""), Configuration::default());
    assert_eq!(
        format!("{:?}{:?}", empty.settings, empty.docker),
        format!("{:?}{:?}", default.settings, default.docker)
    );
}

#[test]
fn what_may_be_reached_is_told() {
    let network =
        read("[network]\nfull = true\nprivate = [\"Registry.example.com:8443\", \"*.corp.example\"]").settings.network;
    let private: Vec<_> = network.private.iter().map(ToString::to_string).collect();
    assert_eq!(
        (network.full, private),
        (true, vec!["registry.example.com:8443".to_owned(), "*.corp.example".to_owned()])
    );
    let message = wrong("[network]\nprivate = [\"a.org\", \"http://b.org\"]");
    assert!(
        message.contains("config.toml:2: network.private[2]: ") && message.contains("expected a host"),
        "{message}"
    );
}

#[test]
fn registries_are_urls_without_a_user() {
    let packages = read("[packages]\npip-index = \"http://127.0.0.1:8080/simple/\"\nhosts = []").settings.packages;
    assert_eq!((packages.pip.url.as_str(), packages.hosts.len()), ("http://127.0.0.1:8080/simple", 0));
    assert_eq!(packages.npm, Configuration::default().settings.packages.npm);
    let packages = read(
        r#"
        [packages]
        pip-extra-indexes = ["https://a.example/simple"]
        npm-scopes = { "@corp" = "https://npm.a.example/" }
        gem-sources = ["https://gems.a.example", "https://b.example"]
        ca-file = "/etc/ca.pem"
        machine = false
        cache = 0
        "#,
    )
    .settings
    .packages;
    assert_eq!(packages.pip.urls().collect::<Vec<_>>(), ["https://pypi.org/simple", "https://a.example/simple"]);
    assert_eq!(packages.npm.scopes, [("@corp".to_owned(), "https://npm.a.example".to_owned())]);
    assert_eq!(packages.gem.urls().collect::<Vec<_>>(), ["https://gems.a.example", "https://b.example"]);
    assert!(packages.gem.is_settled && packages.gem.authorities.is_some() && !packages.machine);
    assert_eq!(
        (packages.cache_bytes, read("[packages]\ncache = \"1MiB\"").settings.packages.cache_bytes),
        (0, 1 << 20)
    );
    assert!(wrong("[packages]\ncache = -1").contains("or 0"));
    assert!(wrong("[packages]\nnpm-scopes = { corp = \"https://a.example\" }").contains("expected a scope"));
    for odd in [
        "ftp://a.org",
        "a.org",
        "https://u:p@a.org/simple",
        "https://a.org:0/",
        "https:///simple",
        "https://a.org/ --pre",
    ] {
        let message = wrong(&format!("[packages]\nnpm-registry = \"{odd}\""));
        assert!(
            message.contains("config.toml:2: packages.npm-registry: ") && message.contains("expected a URL"),
            "{message}"
        );
    }
}

#[test]
fn values_are_written_as_people_write_them() {
    let Configuration { settings, docker, file } = read(
        r#"
        [limits]
        memory = "1GiB"
        cpu = 1.5
        open-files = 64
        output = 1000
        [ceiling]
        memory = "2GB"
        cpu = 4
        [timeouts]
        idle = "1h 30m"
        [sessions]
        max = 3
        max-queued = 0
        [ahead]
        interpreters = 0
        memory = "64MiB"
        unused = "10s"
        [rate]
        session = 60
        [docker]
        registry = "registry.example.com/tools"
        images = { python = "python:3.12-slim" }
        allow = []
        pool.size = 0
        pool.memory = "1GiB"
        pool.prewarm = ["python"]
        [[docker.machines]]
        name = "local"
        address = "unix:///run/docker.sock"
        [[docker.machines]]
        name = "far"
        address = "tcp://build.example.com:2376"
        weight = 4
        tls = { ca = "/etc/ca.pem", cert = "/etc/cert.pem", key = "/etc/key.pem" }
        "#,
    );
    assert_eq!(file.as_deref(), Some(Path::new("config.toml")));
    assert_eq!((settings.limits.memory_bytes, settings.limits.output_bytes), (1 << 30, 1000));
    assert_eq!((settings.limits.cpu, settings.ceiling.cpu), (Some(1.5), Some(4.0)));
    assert_eq!((settings.limits.open_files, settings.limits.pids), (64, Limits::default().pids));
    assert_eq!(settings.ceiling.memory_bytes, 2_000_000_000);
    assert_eq!(settings.idle_timeout, Duration::from_secs(90 * 60));
    assert_eq!((settings.max_sessions, settings.max_queued), (3, 0));
    assert_eq!((settings.rates.session.map(usize::from), settings.rates.daemon), (Some(60), None));
    assert_eq!(docker.image_of("python"), "python:3.12-slim");
    assert_eq!(docker.image_of("node"), "registry.example.com/tools/node:latest");
    assert!(docker.enabled && !docker.allows("python:3.12-slim"));
    assert_eq!((docker.pool.size, docker.pool.total, docker.pool.memory_bytes), (0, 4, 1 << 30));
    let AheadSettings { interpreters, memory_bytes, unused } = settings.ahead;
    assert_eq!((interpreters, memory_bytes, unused), (0, 64 << 20, Duration::from_secs(10)));
    assert_eq!(docker.pool.prewarm, ["python"]);
    let machines: Vec<_> = docker.machines.iter().map(|m| (m.name.as_str(), m.weight, m.tls.is_some())).collect();
    assert_eq!(machines, [("local", 1, false), ("far", 4, true)]);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_was_expected() {
    for (text, told) in [
        ("[limits]\n\nmemroy = \"1GiB\"", "config.toml:3: limits.memroy: there is no such key; did you mean `memory`?"),
        ("[dcoker]\nenabled = true", "config.toml:1: dcoker: there is no such key; did you mean `docker`?"),
        (
            "[docker.pool]\nprewarm = [\"node\", \"pyton\"]",
            "config.toml:2: docker.pool.prewarm[2]: there is no such engine; did you mean `python`?",
        ),
        (
            "[docker.pool]\nzzz = 1",
            "config.toml:2: docker.pool.zzz: there is no such key; there are `size`, `total`, `memory`, `prewarm`",
        ),
        (
            "[limits]\nmemory = \"lots\"",
            "config.toml:2: limits.memory: invalid value: string \"lots\", expected a size such as \"512MiB\"",
        ),
        (
            "limits.pids = 0",
            "config.toml:1: limits.pids: invalid value: integer `0`, expected a whole number, 1 or more",
        ),
        (
            "limits.pids = -1",
            "config.toml:1: limits.pids: invalid value: integer `-1`, expected a whole number, 1 or more",
        ),
        (
            "limits.cpu = nan",
            "config.toml:1: limits.cpu: invalid value: floating point `NaN`, expected a number of processors such as 2 or 0.5",
        ),
        (
            "[timeouts]\nidle = 30",
            "config.toml:2: timeouts.idle: invalid value: integer `30`, expected a time such as \"90s\", \"30m\" or \"2h\"",
        ),
        (
            "[sessions]\nmax = true",
            "config.toml:2: sessions.max: invalid type: boolean `true`, expected a whole number, 1 or more",
        ),
        ("[docker]\nenabled = 1", "config.toml:2: docker.enabled: invalid type: integer `1`, expected a boolean"),
        ("docker = 1", "config.toml:1: docker: invalid type: integer `1`, expected a table"),
        ("docker.machines = 1", "config.toml:1: docker.machines: invalid type: integer `1`, expected an array"),
        ("docker.images = 1", "config.toml:1: docker.images: invalid type: integer `1`, expected a table"),
        (
            "[docker.images]\nnode = \"a\"\npyton = \"b\"",
            "config.toml:3: docker.images.pyton: there is no such engine; did you mean `python`?",
        ),
        (
            "[limits]\nmemory = \"4GiB\"\n[ceiling]\nmemory = \"1GiB\"",
            "config.toml:2: limits.memory: more than `ceiling.memory` allows",
        ),
        (
            "[[docker.machines]]\nname = \"a\"\naddress = \"b\"\n[[docker.machines]]\nname = \"a\"\naddress = \"c\"",
            "config.toml:5: docker.machines[2].name: two machines are called \"a\"",
        ),
        ("[[docker.machines]]\nname = \"a\"", "config.toml:1: docker.machines[1]: missing field `address`"),
        (
            "[[docker.machines]]\nname = \"a\"\naddress = \"b\"\nwieght = 2",
            "config.toml:4: docker.machines[1].wieght: there is no such key; did you mean `weight`?",
        ),
        ("[docker]\nregistry = \"a/\"", "config.toml:2: docker.registry: expected a name such as"),
    ] {
        let found = wrong(text);
        assert!(found.starts_with(told), "{text:?}\nsays     {found}\nnot      {told}");
    }
    for text in ["[limits", "limits = {", "a = = 1", "[limits]\n[limits]"] {
        let found = wrong(text);
        assert!(found.starts_with("config.toml:") && !found.contains('\n'), "{text:?} says {found}");
    }
}

#[test]
fn the_default_file_may_be_missing_but_no_other_and_no_wrong_one() {
    let directory = tempfile::tempdir().expect("make a directory");
    let path = directory.path().join("config.toml");
    assert!(load(None, Some(path.clone()), ENGINES).expect("it may be missing").file.is_none());
    assert!(load(None, None, ENGINES).expect("there may be none").file.is_none());
    assert!(matches!(load(Some(&path), None, ENGINES), Err(FileError::Unreadable { .. })));
    std::fs::write(&path, "[sessions]\nmax = 2\n").expect("write the file");
    let loaded = load(None, Some(path.clone()), ENGINES).expect("it is right");
    assert_eq!((loaded.settings.max_sessions, loaded.file.as_ref()), (2, Some(&path)));
    std::fs::write(&path, "max = 2\n").expect("write the file");
    assert!(matches!(load(None, Some(path), ENGINES), Err(FileError::Wrong { line: 1, .. })));
}

#[test]
fn the_default_place_follows_the_environment() {
    let home = Some(Path::new("/home/someone"));
    let at = |config: Option<&str>, home| default_path(config.map(PathBuf::from), home);
    assert_eq!(at(None, home), Some("/home/someone/.config/codebeaker/config.toml".into()));
    assert_eq!(at(Some("/etc/xdg"), home), Some("/etc/xdg/codebeaker/config.toml".into()));
    assert_eq!(at(Some("relative"), home), Some("/home/someone/.config/codebeaker/config.toml".into()));
    assert_eq!(at(None, None), None);
}

/// The examples of the document are read by the same code as a person's file.
#[test]
fn the_documented_examples_are_right() {
    let text = include_str!("../../../docs/settings.md");
    let examples: Vec<&str> = text
        .split("\n```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(example, _)| example)
        .collect();
    assert!(examples.len() > 1, "docs/settings.md has examples");
    for example in &examples {
        read(example);
    }
    // The first one shows every key with its default.
    let (shown, default) = (read(examples[0]), Configuration::default());
    assert_eq!(format!("{:?}", shown.settings), format!("{:?}", default.settings));
    assert_eq!(format!("{:?}", shown.docker), format!("{:?}", default.docker));
}

#[test]
fn what_commands_are_refused_for_is_told() {
    let validation =
        read("[validation]\nenforce = true\ncommands = ['a{2}']\nextensions = ['.PY']").settings.validation;
    assert!(validation.enforce && validation.shell);
    assert_eq!((validation.commands.matching("xAA"), validation.extensions), (Some("a{2}"), vec![".py".to_owned()]));
    for (wrong_one, expected) in [
        ("paths = ['(']", "expected regular expressions: "),
        ("commands = ['a{1000}{1000}{1000}']", "expected regular expressions: "),
        ("extensions = ['py']", "expected an extension"),
    ] {
        let message = wrong(&format!("[validation]\n{wrong_one}"));
        assert!(message.contains(expected), "{message}");
    }
}
