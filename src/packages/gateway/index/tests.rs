use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Leads what is of `files.example` to a host of the test's.
fn lead(url: &Url) -> Option<Url> {
    let mut led = url.clone();
    led.set_host(Some("gateway.example")).unwrap();
    (url.host_str() == Some("files.example")).then_some(led)
}

fn files(told: &Told) -> Vec<&str> {
    told.files.iter().map(|(url, _)| url.as_str()).collect()
}

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn an_index_of_pips_tells_hashes_and_its_links_are_led() {
    let page = url("https://index.example/simple/tiny/");
    let text = format!(
        "<!DOCTYPE html><h1>Links for it's</h1><a data-x=\"&lt;\" href=\"https://files.example/a.whl?x=1&amp;y#sha256={HASH}\">é</a>\
         <A HREF = '../../f/b.whl#sha256={HASH}'>b</A><a href=\"https://other.example/c.whl#sha256={HASH}\">\
         <a href=\"//files.example/d.whl#md5=1\"><a href=\"http://files.example/e.whl\"><a href=plain><a href=\"open"
    );
    let told = read(Manager::Pip, &page, "text/html; charset=utf-8", text.as_bytes(), lead);
    let all = ["https://files.example/a.whl?x=1&y", "https://index.example/f/b.whl", "https://other.example/c.whl"];
    assert_eq!(files(&told), all);
    let led = text
        .replace("https://files.example/", "https://gateway.example/")
        .replace("\"//files.example/", "\"https://gateway.example/");
    assert_eq!(String::from_utf8(told.led.unwrap()).unwrap(), led);
    // What leads nowhere else stays as it was written, and what can't be read tells nothing.
    let told = read(Manager::Pip, &page, "text/html", format!("<a href='f.whl#sha256={HASH}'>").as_bytes(), lead);
    assert_eq!((files(&told), told.led.as_ref()), (vec!["https://index.example/simple/tiny/f.whl"], None));
    for odd in
        [&b"\xff<a href='f.whl'>"[..], b"<BASE href='/x/'><a href='https://files.example/f.whl'>", b"href", b"href='"]
    {
        let told = read(Manager::Pip, &page, "text/html", odd, lead);
        assert_eq!((files(&told).len(), told.led), (0, None), "{odd:?}");
    }
}

#[test]
fn an_index_in_json_is_read_the_same() {
    let page = url("https://index.example/simple/tiny/");
    let text = format!(
        "{{\"meta\":{{\"api-version\":\"1.1\"}},\"files\":[{{\"url\":\"https://files.example/a.whl\",\"hashes\":{{\"sha256\":\"{HASH}\"}},\"size\":1}},\
         {{\"url\":\"b.whl\",\"hashes\":{{}}}},{{\"url\":7}},7]}}"
    );
    let kind = "application/vnd.pypi.simple.v1+json";
    let told = read(Manager::Pip, &page, kind, text.as_bytes(), lead);
    assert_eq!(files(&told), ["https://files.example/a.whl"]);
    assert_eq!(String::from_utf8(told.led.unwrap()).unwrap(), text.replace("//files.", "//gateway."));
    let plain = text.replace("https://files.example/", "");
    assert_eq!(read(Manager::Pip, &page, kind, plain.as_bytes(), lead).led, None);
    for odd in ["", "7", "[]", "{\"files\":{}}"] {
        assert!(read(Manager::Pip, &page, kind, odd.as_bytes(), lead).files.is_empty());
    }
}

#[test]
fn a_document_of_npms_tells_hashes() {
    let sum = STANDARD.encode([7; 64]);
    let dist = |end: &str, sum: &str| {
        format!("{{\"dist\":{{\"tarball\":\"https://npm.example/{end}\",\"integrity\":\"{sum}\"}}}}")
    };
    let text = format!(
        "{{\"versions\":{{\"1.0.0\":{},\"2.0.0\":{},\"3.0.0\":{{}}}}}}",
        dist("a/-/a-1.tgz", &format!("sha1-AAAA sha512-{sum}?x")),
        dist("a/-/a-2.tgz", "sha512-AAAA")
    );
    let page = url("https://npm.example/a");
    let told = read(Manager::Npm, &page, "application/json", text.as_bytes(), lead);
    assert_eq!((files(&told), told.led.as_ref()), (vec!["https://npm.example/a/-/a-1.tgz"], None));
    for odd in ["", "7", "{\"versions\":7}", "{}"] {
        assert!(read(Manager::Npm, &page, "application/json", odd.as_bytes(), lead).files.is_empty());
    }
}

#[test]
fn the_compact_index_of_gems_tells_hashes() {
    let page = url("https://gems.example/all/info/tiny-er");
    let text = format!(
        "---\n1.0 |checksum:{HASH}\n2.0-java a:>= 1&< 2,b:= 1|checksum:{HASH},ruby:>= 2\n3.0 |checksum:12\nodd\n"
    );
    let told = read(Manager::Gem, &page, "text/plain", text.as_bytes(), lead);
    let all = ["https://gems.example/all/gems/tiny-er-1.0.gem", "https://gems.example/all/gems/tiny-er-2.0-java.gem"];
    assert_eq!((files(&told), told.led.as_ref()), (all.to_vec(), None));
    assert!(!is_read(Manager::Gem, &url("https://gems.example/versions"), "text/plain"));
}

#[test]
fn a_file_leads_to_what_tells_its_hash() {
    let told = |manager, file: &str| told_by(manager, &url(file)).iter().map(Url::to_string).collect::<Vec<_>>();
    assert_eq!(told(Manager::Npm, "https://n.example/p/a/-/a-1.tgz?x"), ["https://n.example/p/a"]);
    assert_eq!(told(Manager::Npm, "https://n.example/p/@s/a/-/a-1.tgz"), ["https://n.example/p/@s%2fa"]);
    assert_eq!(told(Manager::Npm, "https://n.example/@s/a/-/a-1.tgz"), ["https://n.example/@s%2fa"]);
    let infos = ["https://g.example/info/a", "https://g.example/info/a-3d"];
    assert_eq!(told(Manager::Gem, "https://g.example/gems/a-3d-1.0-x86.gem"), infos);
    assert!(
        told(Manager::Npm, "https://n.example/a").is_empty()
            && told(Manager::Gem, "https://g.example/versions").is_empty()
    );
    assert!(told(Manager::Pip, "https://p.example/a.whl").is_empty());
}
