//! Looking for files, by a process that a hostile tree or a hostile program makes work hard.

use codebeaker_agent::wire::find::{
    By, Case, Content, Done, FOUND_BYTES, Find, FindEnd, Found, Incomplete, LINE_BYTES, Line, Part, Truncated,
};
use codebeaker_agent::wire::{FileOp, FileReply, FromAgent, ToAgent};

use super::files::stat;
use super::sandbox::{Sandbox, Setup, python, shell};

fn all(by: By) -> Find {
    Find { path: Vec::new(), hidden: false, gitignore: false, exclude: Vec::new(), millis: 60_000, by }
}

fn named(patterns: &[&str]) -> Find {
    all(By::Name { patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(), limit: 1000 })
}

fn content(pattern: &str) -> Content {
    Content {
        pattern: pattern.to_owned(),
        literal: false,
        case: Case::Sensitive,
        word: false,
        before: 0,
        after: 0,
        include: Vec::new(),
        limit: 1000,
        limit_per_file: None,
        file_bytes: None,
    }
}

fn with(pattern: &str) -> Find {
    all(By::Content(content(pattern)))
}

/// Writes what [`slow`] takes minutes for.
const MUCH: &str = "f = open('big', 'w')\nfor _ in range(64): f.write(('ü' * 500 + '\\n') * 1000)";

/// With borders of words among letters that are not ASCII there is no quick way for any engine.
fn slow() -> Find {
    Find { millis: 300_000, ..with("\\pL{1,100}\\b\\pN") }
}

/// What was said of one tree, in one list.
#[derive(Debug, Default)]
struct Said {
    paths: Vec<String>,
    lines: Vec<Line>,
    incomplete: Vec<Incomplete>,
    refused: Option<(Part, String)>,
    done: Option<Done>,
    bytes: usize,
    end: Option<FindEnd>,
}

impl Said {
    fn read(data: &[u8], end: Option<FindEnd>) -> Self {
        let mut said = Said { bytes: data.len(), end, ..Said::default() };
        let mut rest = data;
        while let Ok((found, more)) = postcard::take_from_bytes(rest) {
            rest = more;
            match found {
                Found::Entry(entry) => said.paths.push(String::from_utf8_lossy(&entry.path).into_owned()),
                Found::File { path } => said.paths.push(String::from_utf8_lossy(&path).into_owned()),
                Found::Line(line) => said.lines.push(line),
                Found::Incomplete(why) => said.incomplete.push(why),
                Found::Refused { part, why } => said.refused = Some((part, why)),
                Found::Done(done) => said.done = Some(done),
            }
        }
        said
    }

    fn texts(&self) -> Vec<String> {
        self.lines.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
    }

    fn done(&self) -> Done {
        assert_eq!(self.end, Some(FindEnd::Finished), "{self:?}");
        self.done.expect("it has a last word")
    }
}

impl Sandbox {
    fn found(&mut self, find: Find) -> Said {
        match self.file(FileOp::Find(find)) {
            Ok(FileReply::Found { data, end }) => Said::read(&data, end),
            other => panic!("nothing found: {other:?}"),
        }
    }
}

#[test]
fn globs_match_whole_paths_and_come_sorted() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(
        1,
        "mkdir -p src/deep .git a; touch src/a.py src/deep/b.py src-2.py c.py .git/x.py a/d.txt; ln -s src l",
    );
    let all = sandbox.found(named(&["**/*.py"]));
    assert_eq!(all.paths, ["c.py", "src/a.py", "src/deep/b.py", "src-2.py"]);
    assert_eq!(all.done(), Done::default());
    assert_eq!(sandbox.found(named(&["*.py", "*/*.txt"])).paths, ["a/d.txt", "c.py", "src-2.py"]);
    assert_eq!(sandbox.found(named(&["{a,l,src}"])).paths, ["a", "l", "src"]);
    let hidden = sandbox.found(Find { hidden: true, ..named(&["**/x.py"]) });
    assert_eq!(hidden.paths, [".git/x.py"]);
    let rest = sandbox.found(Find { exclude: vec!["deep/".to_owned(), "!c.py".to_owned()], ..named(&["**/*.py"]) });
    assert_eq!(rest.paths, ["c.py", "src/a.py", "src-2.py"]);
    let below = sandbox.found(Find { path: b"src".to_vec(), ..named(&["**"]) });
    assert_eq!(below.paths, ["a.py", "deep", "deep/b.py"]);
    let By::Name { patterns, .. } = named(&["**/*.py"]).by else { unreachable!() };
    let some = sandbox.found(super::find::all(By::Name { patterns, limit: 2 }));
    assert_eq!((some.paths.len(), some.done().truncated), (2, Some(Truncated::Limit)));
    let refused = sandbox.found(named(&["ok", "a[b"])).refused.unwrap();
    assert_eq!(refused.0, Part::Patterns(1));
    assert!(refused.1.contains("a[b"), "{}", refused.1);
    let of_file = FileOp::Find(Find { path: b"c.py".to_vec(), ..named(&["*"]) });
    assert_eq!(sandbox.refused(of_file), libc::ENOTDIR);
}

#[test]
fn what_a_gitignore_names_is_left_out_as_git_does() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(
        1,
        "mkdir -p out sub/out deep/er; printf '*.log\\n/out/\\n' > .gitignore; printf '!keep.log\\n' > sub/.gitignore\n\
         touch out/x sub/out/x a.log sub/keep.log sub/b.log deep/er/c.log deep/er/d",
    );
    let wanted = |path: &str| Find { gitignore: true, path: path.as_bytes().to_vec(), ..named(&["**"]) };
    let found = sandbox.found(wanted(""));
    assert_eq!(found.paths, ["deep", "deep/er", "deep/er/d", "sub", "sub/keep.log", "sub/out", "sub/out/x"]);
    // Those above what is asked about hold as well.
    assert_eq!(sandbox.found(wanted("deep/er")).paths, ["d"]);
    assert_eq!(sandbox.found(wanted("./sub/")).paths, ["keep.log", "out", "out/x"]);
    assert_eq!(sandbox.found(Find { gitignore: false, ..wanted("deep/er") }).paths, ["c.log", "d"]);
}

#[test]
fn lines_come_with_their_places_and_their_surroundings() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.run(python(
        1,
        "open('a', 'w').write('one\\nü needle Needle\\r\\nthree\\nfour\\n')\n\
         open('b', 'wb').write(b'\\xff needle\\n')\n\
         open('binary', 'wb').write(b'needle\\n\\0' * 9)\n\
         open('late', 'wb').write(b'needle\\n' + b'x\\n' * 200_000 + b'\\0\\n')\n\
         open('wide', 'wb').write('needle\\n'.encode('utf-16'))\n\
         open('long', 'w').write('x' * 20_000 + 'needle')",
    ));
    let search = |change: fn(&mut Content)| {
        let mut content = content("needle");
        change(&mut content);
        all(By::Content(content))
    };
    let found = sandbox.found(with("needle"));
    assert_eq!(found.paths, ["a", "b", "late", "long", "wide"]);
    assert_eq!(found.incomplete, [Incomplete::Binary]);
    assert_eq!((found.done().searched, found.done().binary), (6, 1));
    let first = &found.lines[0];
    assert_eq!((first.number, first.offset, first.cut), (2, 4, false));
    assert_eq!(String::from_utf8_lossy(&first.text), "ü needle Needle");
    let span = first.matches[0];
    assert_eq!((span.start, span.end, span.start_utf16, span.end_utf16), (3, 9, 2, 8));
    assert_eq!(found.lines[1].text, b"\xff needle");
    assert_eq!(found.lines[1].matches[0].start_utf16, 2);
    let long = &found.lines[3];
    assert!(long.cut && long.text.len() <= LINE_BYTES && long.matches[0].start == 20_000, "{long:?}");
    assert!(String::from_utf8_lossy(&long.text).ends_with("needle"));

    let near = sandbox
        .found(search(|content| (content.before, content.after, content.include) = (1, 1, vec!["a".to_owned()])));
    assert_eq!(near.texts(), ["one", "ü needle Needle", "three"]);
    assert_eq!(near.lines.iter().map(|line| line.matches.len()).collect::<Vec<_>>(), [0, 1, 0]);
    let both = search(|content| (content.case, content.include) = (Case::Smart, vec!["/a".to_owned()]));
    assert_eq!(sandbox.found(both).lines[0].matches.len(), 2);
    let literal = search(|content| (content.literal, content.pattern) = (true, "e.dle".to_owned()));
    assert!(sandbox.found(literal).paths.is_empty());
    let word = search(|content| (content.word, content.pattern) = (true, "need".to_owned()));
    assert!(sandbox.found(word).paths.is_empty());
    let small = sandbox.found(search(|content| content.file_bytes = Some(40)));
    assert_eq!((small.paths, small.done.unwrap().large), (vec!["a".to_owned(), "b".to_owned(), "wide".to_owned()], 3));
    let one = Find { path: b"a".to_vec(), ..with("e") };
    assert_eq!((sandbox.found(one.clone()).paths, sandbox.found(one).lines.len()), (vec![String::new()], 3));
    let by_file = search(|content| (content.pattern, content.limit_per_file) = ("e".to_owned(), Some(1)));
    let found = sandbox.found(by_file);
    assert_eq!((found.lines.len(), found.incomplete[0]), (5, Incomplete::Limit));
    let some = sandbox.found(search(|content| content.limit = 2));
    assert_eq!((some.lines.len(), some.done().truncated), (2, Some(Truncated::Limit)));
}

#[test]
fn what_makes_no_sense_is_told_in_the_words_of_who_reads_it() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(1, "echo x > f");
    let long = "(".repeat(3000);
    let long = (long.as_str(), "unclosed group");
    for (pattern, words) in
        [long, ("a(b", "unclosed group"), ("a\\nb", "not allowed"), ("(\\w{1000}){1000}", "size limit")]
    {
        let (part, why) = sandbox.found(with(pattern)).refused.unwrap();
        assert_eq!(part, Part::Pattern);
        assert!(why.contains(words), "{why}");
    }
    let exclude = Find { exclude: vec!["ok".to_owned(), "[".to_owned()], ..with("x") };
    assert_eq!(sandbox.found(exclude).refused.unwrap().0, Part::Exclude(1));
    assert_eq!(sandbox.found(with("x")).paths, ["f"]);
}

#[test]
fn links_pipes_and_what_is_closed_hold_nothing_up() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.shell(
        1,
        "echo secret > /tmp/outside; mkdir closed dir d2; echo secret > dir/file; echo secret > d2/file\n\
         mkfifo pipe dir/.gitignore; ln -s /tmp/outside link; ln -s /tmp d; echo '*' > /tmp/ignore; ln -s /tmp/ignore .gitignore\n\
         ln -s /tmp/ignore d2/.gitignore; echo secret > unread; chmod 0 unread closed",
    );
    let found = sandbox.found(Find { gitignore: true, hidden: true, ..with("secret") });
    assert_eq!(found.paths, ["d2/file", "dir/file"]);
    assert_eq!(found.done().unreadable, 2);
    for (path, errno) in [("pipe", libc::EOPNOTSUPP), ("link", libc::EXDEV), ("d", libc::EXDEV), ("..", libc::EXDEV)] {
        let op = FileOp::Find(Find { path: path.as_bytes().to_vec(), ..with("secret") });
        assert_eq!(sandbox.refused(op), errno, "{path}");
    }
}

#[test]
fn an_answer_is_bounded_whatever_there_is() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.run(python(
        1,
        "open('many', 'w').write(('x' * 1000 + '\\n') * 9000)\n\
         f = open('endless', 'w'); f.truncate(0)\n\
         for _ in range(20): f.write('y' * (1 << 20))\n\
         f.close()",
    ));
    let mut x = content("x");
    x.limit = 9999;
    let found = sandbox.found(all(By::Content(x)));
    assert_eq!(found.done().truncated, Some(Truncated::Bytes));
    assert!(found.bytes <= FOUND_BYTES && found.lines.len() > 200, "{} bytes", found.bytes);
    assert!(found.lines[0].matches.len() == codebeaker_agent::wire::find::LINE_MATCHES);
    // A line that is longer than what is held is no reason to hold it.
    let found = sandbox.found(with("z"));
    assert_eq!((found.done().unreadable, found.done().searched), (1, 2));
}

#[test]
fn the_loop_goes_on_and_a_search_ends_when_it_is_told_or_its_time_is_over() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.run(python(1, MUCH));
    sandbox.send(&ToAgent::File { request: 1, op: FileOp::Find(slow()) });
    sandbox.send(&ToAgent::File { request: 2, op: FileOp::Find(slow()) });
    sandbox.send(&ToAgent::File { request: 3, op: FileOp::Find(slow()) });
    // Programs run and files are read meanwhile; what an execution leaves behind is cleared, and no search with it.
    assert_eq!(sandbox.shell(2, "setsid sleep 1000 & echo yes"), "yes\n");
    assert!(sandbox.stat("big").tag.size > 60_000_000);
    assert_eq!(sandbox.refused(stat("none")), libc::ENOENT);
    let ended = |sandbox: &mut Sandbox, number: u32| loop {
        match sandbox.message() {
            FromAgent::File { request, result: Ok(FileReply::Found { end: Some(end), .. }) } if request == number => {
                return end;
            }
            FromAgent::File { result: Ok(FileReply::Found { end: None, .. }), .. } => {}
            other => panic!("{other:?}"),
        }
    };
    // The third waits; all three end.
    for number in [3, 1, 2] {
        sandbox.send(&ToAgent::StopFind { request: number });
        assert_eq!(ended(&mut sandbox, number), FindEnd::Stopped, "{number}");
    }
    sandbox.send(&ToAgent::StopFind { request: 1 });
    let late = sandbox.found(Find { millis: 200, ..slow() });
    assert_eq!((late.end, late.done), (Some(FindEnd::Deadline), None));
    assert_eq!(sandbox.shell(9, "ps -e -o stat,comm 2>/dev/null | grep -c Z; true"), "0\n");
}

#[test]
fn a_program_that_stops_or_kills_the_search_gets_no_further_than_that() {
    let Some(mut sandbox) = Sandbox::start(Setup::default()) else { return };
    sandbox.run(python(1, MUCH));
    sandbox.send(&ToAgent::File { request: 77, op: FileOp::Find(slow()) });
    // The newest child of PID 1 that is no program's; closed to a program, like all that is the agent's.
    let script = "for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = 1 ] || [ $p = $$ ] || [ $p = $PPID ] && continue; \
                  cat /proc/$p/mem 2>/dev/null && echo read; kill -STOP $p 2>/dev/null; kill -KILL $p; done; echo";
    sandbox.send(&ToAgent::Spawn(shell(2, script)));
    loop {
        if let FromAgent::File { request: 77, result } = sandbox.message() {
            let Ok(FileReply::Found { end: Some(end), .. }) = result else { continue };
            assert_eq!(end, FindEnd::Died(Some(libc::SIGKILL)));
            break;
        }
    }
}
