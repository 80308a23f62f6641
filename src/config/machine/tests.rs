use std::fs;

use super::*;

/// A machine with these files, whose names begin with `home/` or `etc/`, and these variables.
fn machine(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let machine = Machine { home: Some(directory.path().join("home")), etc: directory.path().join("etc"), variables };
    (directory, machine)
}

fn completed(files: &[(&str, &str)], variables: &[(&str, &str)]) -> PackageSettings {
    let (_directory, machine) = machine(files, variables);
    let mut settings = PackageSettings::default();
    machine.complete(&mut settings);
    settings
}

fn urls(registries: &Registries) -> Vec<&str> {
    assert_eq!(registries.fault, None);
    registries.urls().map(String::as_str).collect()
}

#[test]
fn a_machine_that_says_nothing_changes_nothing() {
    assert_eq!(completed(&[], &[]), PackageSettings::default());
}

#[test]
fn pip_is_read_as_pip_reads_itself() {
    let user = "# ours\n[global]\nindex_url: https://user.example/simple/\nextra-index-url =\n    https://one.example/simple\n\n    \
                https://two.example/simple\ntimeout = 5\n[freeze]\nindex-url = https://no.example\n";
    let files =
        [("etc/pip.conf", "[global]\nindex-url = https://etc.example/simple\n"), ("home/.config/pip/pip.conf", user)];
    let all = ["https://user.example/simple", "https://one.example/simple", "https://two.example/simple"];
    assert_eq!(urls(&completed(&files, &[]).pip), all);
    assert_eq!(urls(&completed(&files[..1], &[]).pip), ["https://etc.example/simple"]);
    // What is said of `install` stands over that, and the environment over all.
    let install =
        [files[0], ("home/.pip/pip.conf", "[install]\nindex-url = https://install.example/simple\n"), files[1]];
    assert_eq!(urls(&completed(&install, &[]).pip)[0], "https://install.example/simple");
    let variables = [
        ("PIP_INDEX_URL", "https://env.example/simple"),
        ("PIP_EXTRA_INDEX_URL", "https://b.example/x https://c.example/x"),
    ];
    let all = ["https://env.example/simple", "https://b.example/x", "https://c.example/x"];
    let of_environment = completed(&files, &variables).pip;
    assert_eq!(urls(&of_environment), all);
    assert_eq!(of_environment.authorities, None);
    assert_eq!(urls(&completed(&files, &[("PIP_CONFIG_FILE", "/dev/null")]).pip), ["https://pypi.org/simple"]);
    assert_eq!(completed(&files, &[("PIP_CERT", "/etc/ca.pem")]).pip.authorities, Some(PathBuf::from("/etc/ca.pem")));
}

#[test]
fn npm_is_read_as_npm_reads_itself() {
    let user = "; ours\nregistry=https://npm.example/all/\n@corp:registry = \"https://corp.example/npm\"\n\
                cafile=/etc/ca.pem\nfund=false\n[section]\nregistry=https://no.example\n";
    let npm = completed(&[("home/.npmrc", user), ("etc/npmrc", "registry=https://etc.example")], &[]).npm;
    assert_eq!(urls(&npm), ["https://npm.example/all", "https://corp.example/npm"]);
    assert_eq!((npm.scopes[0].0.as_str(), npm.wants_credentials), ("@corp", false));
    assert_eq!(npm.authorities, Some(PathBuf::from("/etc/ca.pem")));
    let variables =
        [("NPM_CONFIG_REGISTRY", "https://env.example"), ("npm_config_@other:registry", "https://other.example")];
    let npm = completed(&[("home/.npmrc", user)], &variables).npm;
    assert_eq!(urls(&npm), ["https://env.example", "https://corp.example/npm", "https://other.example"]);
    let named = [("home/.npmrc", "registry=https://${HOST}/npm"), ("home/other", "registry=https://other.example")];
    assert_eq!(urls(&completed(&named, &[("HOST", "filled.example")]).npm), ["https://filled.example/npm"]);
}

#[test]
fn gem_is_read_as_gem_writes_itself() {
    let ours =
        "---\n:backtrace: false\n:sources:\n- https://gems.example/\n- 'https://b.example'\n:update_sources: true\n";
    let gem = completed(
        &[("home/.gemrc", ours), ("etc/gemrc", ":sources: [\"https://etc.example\"]\n:ssl_ca_cert: /etc/ca.pem\n")],
        &[],
    )
    .gem;
    assert_eq!(urls(&gem), ["https://gems.example", "https://b.example"]);
    assert_eq!(gem.authorities, Some(PathBuf::from("/etc/ca.pem")));
    let (directory, mut machine) =
        machine(&[("home/.gemrc", ours), ("more", "sources:\n  - https://more.example\n")], &[]);
    machine.variables.insert("GEMRC".to_owned(), directory.path().join("more").display().to_string());
    let mut settings = PackageSettings::default();
    machine.complete(&mut settings);
    assert_eq!(urls(&settings.gem), ["https://more.example"]);
}

#[test]
fn what_the_settings_say_stands() {
    let (_directory, machine) = machine(
        &[("home/.npmrc", "registry=https://npm.example\ncafile=/etc/ca.pem")],
        &[("PIP_INDEX_URL", "https://pip.example"), ("PIP_CERT", "/etc/other.pem")],
    );
    let mut settings = PackageSettings::default();
    settings.pip.is_settled = true;
    settings.pip.authorities = Some(PathBuf::from("/etc/settled.pem"));
    machine.complete(&mut settings);
    assert_eq!(urls(&settings.pip), ["https://pypi.org/simple"]);
    assert_eq!(settings.pip.authorities, Some(PathBuf::from("/etc/settled.pem")));
    assert_eq!(urls(&settings.npm), ["https://npm.example"]);
    let mut settings = PackageSettings { machine: false, ..PackageSettings::default() };
    machine.complete(&mut settings);
    assert_eq!(settings, PackageSettings { machine: false, ..PackageSettings::default() });
}

#[test]
fn nothing_secret_is_kept() {
    let files = [
        (
            "home/.npmrc",
            "registry=https://npm.example:8443/all\n//npm.example:8443/all/:_authToken=SECRET\n//other.example/:_authToken=SECRET\n",
        ),
        ("home/.gemrc", ":sources:\n- https://who:SECRET@gems.example/\n"),
    ];
    let settings = completed(&files, &[("PIP_EXTRA_INDEX_URL", "https://__token__:SECRET@pip.example/simple?a=b@c")]);
    assert!(!format!("{settings:?}").contains("SECRET"), "{settings:?}");
    assert_eq!(urls(&settings.pip), ["https://pypi.org/simple", "https://pip.example/simple?a=b@c"]);
    assert_eq!(urls(&settings.gem), ["https://gems.example"]);
    assert!([&settings.pip, &settings.npm, &settings.gem].iter().all(|one| one.wants_credentials));
    // A token for another registry is none for this one.
    let npm = completed(&[("home/.npmrc", "//other.example/:_authToken=SECRET\n")], &[]).npm;
    assert!(!npm.wants_credentials);
}

#[test]
fn what_cannot_be_used_is_a_fault_and_not_the_public_registry() {
    for (files, variables) in [
        (vec![], vec![("PIP_INDEX_URL", "ftp://SECRET")]),
        (vec![], vec![("PIP_INDEX_URL", "https://a.example/ --pre")]),
        (vec![], vec![("PIP_INDEX_URL", "https://0x7f000001/")]),
        (vec![], vec![("PIP_EXTRA_INDEX_URL", "https://a.example /x")]),
    ] {
        let pip = completed(&files, &variables).pip;
        assert!(pip.fault.as_ref().is_some_and(|fault| !fault.contains("SECRET")), "{variables:?}: {pip:?}");
    }
    let many: String = (0..=MAX_REGISTRIES).map(|number| format!("@s{number}:registry=https://a.example\n")).collect();
    let huge = "#".repeat(1 << 21);
    for text in [many.as_str(), huge.as_str(), "@A/../b:registry=https://a.example", "registry=${X}"] {
        let npm = completed(&[("home/.npmrc", text)], &[]).npm;
        assert!(npm.fault.is_some(), "{npm:?}");
    }
    // A value that grows as it is filled stops growing.
    let growing = format!("registry=https://{}", "${LONG}".repeat(100_000));
    assert!(completed(&[("home/.npmrc", &growing)], &[("LONG", &"x".repeat(10_000))]).npm.fault.is_some());
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let (directory, machine) = machine(&[("home/other", "")], &[]);
    let pipe = directory.path().join("home/.npmrc");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::create_dir_all(directory.path().join("home/.gemrc")).unwrap();
    let mut settings = PackageSettings::default();
    machine.complete(&mut settings);
    assert!(settings.npm.fault.is_some() && settings.gem.fault.is_some(), "{settings:?}");
}
