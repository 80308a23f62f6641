//! What each language says, and what is made up.

use proptest::prelude::*;

use super::*;

fn at(path: &str, line: u32, function: Option<&str>) -> Place {
    Place { path: path.to_owned(), line, function: function.map(str::to_owned) }
}

fn only(text: &str) -> Problem {
    let mut found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn tracebacks_of_ruby() {
    let text = "/workspace/main.rb:4:in `boom': it broke: (twice) (ArgumentError)
\tfrom /workspace/main.rb:16:in `block in <main>'
\tfrom /workspace/main.rb:17:in `<main>'
";
    let places = vec![
        at("/workspace/main.rb", 4, Some("boom")),
        at("/workspace/main.rb", 16, Some("block in <main>")),
        at("/workspace/main.rb", 17, Some("<main>")),
    ];
    assert_eq!(only(text), error(Some("ArgumentError"), "it broke: (twice)", places));
    let syntax = error(Some("SyntaxError"), "unexpected '='", vec![at("/workspace/main.rb", 2, None)]);
    assert_eq!(only("/workspace/main.rb:2: syntax error, unexpected '='\nwrong = = 2\n        ^"), syntax);
    assert_eq!(only("main.rb: /workspace/main.rb:2: syntax error, unexpected '=' (SyntaxError)"), syntax);
}

#[test]
fn what_bash_says() {
    let place = |line| vec![at("/workspace/main.sh", line, None)];
    let expected = error(None, "no-such: command not found", place(2));
    assert_eq!(only("/workspace/main.sh: line 2: no-such: command not found"), expected);
    let text = "/workspace/main.sh: line 2: syntax error near unexpected token `)'\n/workspace/main.sh: line 2: `if )'";
    assert_eq!(only(text), error(None, "syntax error near unexpected token `)'", place(2)));
    assert_eq!(problems("on: line 2: nothing"), [], "it names no file");
}

#[test]
fn panics_of_rust_and_assertions_of_c() {
    let text = "
thread 'main' (31343) panicked at /workspace/main.rs:8:5:
it broke
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
";
    assert_eq!(only(text), error(Some("panic"), "it broke", vec![at("/workspace/main.rs", 8, None)]));
    // As it was told before 1.73.
    let text = "thread 'main' panicked at 'it', or 'that', broke', /workspace/main.rs:7:5\nnote: run with `RUST_BACKTRACE=1`\n";
    assert_eq!(only(text), error(Some("panic"), "it', or 'that', broke", vec![at("/workspace/main.rs", 7, None)]));
    let text =
        "thread 'main' panicked at 'assertion failed: `(left == right)`\n  left: `1`,\n right: `2`', src/main.rs:2:5\n";
    let message = "assertion failed: `(left == right)`";
    assert_eq!(only(text), error(Some("panic"), message, vec![at("src/main.rs", 2, None)]));
    let text = "main: /workspace/main.c:11: boom: Assertion `!broken' failed.\n";
    let place = at("/workspace/main.c", 11, Some("boom"));
    assert_eq!(only(text), error(None, "Assertion `!broken' failed.", vec![place]));
}

#[test]
fn what_dotnet_says() {
    let text = "Unhandled exception. System.InvalidOperationException: it broke
   at Program.Boom() in /workspace/main.cs:line 12
   at System.Runtime.Something()
   at Program.Main(String[] args) in /workspace/main.cs:line 20
";
    let places = vec![
        at("/workspace/main.cs", 12, Some("Program.Boom()")),
        at("/workspace/main.cs", 20, Some("Program.Main(String[] args)")),
    ];
    assert_eq!(only(text), error(Some("System.InvalidOperationException"), "it broke", places));
    let text =
        "/workspace/main.cs(2,25): error CS0103: The name 'wrong' does not exist [/run/codebeaker/x/main.csproj]";
    let place = vec![at("/workspace/main.cs", 2, None)];
    assert_eq!(only(text), error(Some("CS0103"), "The name 'wrong' does not exist", place));
}

#[test]
fn tracebacks_of_python() {
    let text = "before
Traceback (most recent call last):
  File \"/workspace/main.py\", line 5, in <module>
    f()
    ~^^
  File \"/workspace/a b.py\", line 2, in f
    1 / 0
ZeroDivisionError: division by zero
after: all
";
    let places = vec![at("/workspace/a b.py", 2, Some("f")), at("/workspace/main.py", 5, Some("<module>"))];
    assert_eq!(only(text), error(Some("ZeroDivisionError"), "division by zero", places));

    let text = "  File \"/workspace/main.py\", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n";
    assert_eq!(only(text), error(Some("SyntaxError"), "invalid syntax", vec![at("/workspace/main.py", 1, None)]));

    let text = "Traceback (most recent call last):
  File \"/workspace/main.py\", line 2, in <module>
    {}['a']
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/workspace/main.py\", line 4, in <module>
    raise package.Fault
package.Fault
";
    let places = vec![at("/workspace/main.py", 4, Some("<module>"))];
    assert_eq!(only(text), error(Some("package.Fault"), "package.Fault", places));
}

#[test]
fn stacks_of_v8() {
    let node = "/workspace/main.js:2
  throw new TypeError('no: way')
  ^

TypeError: no: way
    at f (/workspace/main.js:2:9)
    at Object.<anonymous> (/workspace/main.js:4:1)
    at Module._compile (node:internal/modules/cjs/loader:1730:14)

Node.js v20.19.2
";
    let found = only(node);
    assert_eq!((found.kind.as_deref(), found.message.as_str()), (Some("TypeError"), "no: way"));
    assert_eq!(
        found.places[..2],
        [at("/workspace/main.js", 2, Some("f")), at("/workspace/main.js", 4, Some("Object.<anonymous>"))]
    );

    let unread = "/workspace/main.js:3
const x = ;
          ^

SyntaxError: Unexpected token ';'
    at wrapSafe (node:internal/modules/cjs/loader:1486:18)
";
    assert_eq!(only(unread).places[0], at("/workspace/main.js", 3, None));

    let deno = "error: Uncaught (in promise) Error: x
throw new Error('x');
      ^
    at file:///workspace/main.ts:1:7
";
    assert_eq!(only(deno), error(Some("Error"), "x", vec![at("file:///workspace/main.ts", 1, None)]));

    let bun = "1 | throw new Error('x')\n          ^\nerror: x\n      at /workspace/main.ts:1:11\n";
    assert_eq!(only(bun), error(None, "x", vec![at("/workspace/main.ts", 1, None)]));
}

#[test]
fn errors_of_node_by_any_name() {
    let text = "node:assert:90
  throw new AssertionError(obj);
  ^

AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

1 !== 2

    at Object.<anonymous> (/workspace/a.js:2:8)
    at Module._compile (node:internal/modules/cjs/loader:1521:14)
";
    let found = only(text);
    assert_eq!(found.kind.as_deref(), Some("AssertionError"));
    assert_eq!(found.message, "Expected values to be strictly equal:");
    assert!(found.places.contains(&at("/workspace/a.js", 2, Some("Object.<anonymous>"))), "{found:?}");

    let text = "/workspace/c.js:2
function f() { throw new Fault('broken'); }
               ^

Fault: broken
    at f (/workspace/c.js:2:22)
    at Object.<anonymous> (/workspace/c.js:3:1)
";
    let places = vec![at("/workspace/c.js", 2, Some("f")), at("/workspace/c.js", 3, Some("Object.<anonymous>"))];
    assert_eq!(only(text), error(Some("Fault"), "broken", places));

    let text = "\n/workspace/e.js:1\nthrow 'text';\n^\ntext\n(Use `node --trace-uncaught ...` to show where the exception was thrown)\n\nNode.js v20.20.2\n";
    assert_eq!(only(text), error(None, "text", vec![at("/workspace/e.js", 1, None)]));
}

#[test]
fn groups_of_exceptions() {
    let text = "  + Exception Group Traceback (most recent call last):
  |   File \"/workspace/g.py\", line 2, in <module>
  |     raise ExceptionGroup('many', [ValueError('one')])
  | ExceptionGroup: many (1 sub-exception)
  +-+---------------- 1 ----------------
    | ValueError: one
    +------------------------------------
";
    let places = vec![at("/workspace/g.py", 2, Some("<module>"))];
    assert_eq!(only(text), error(Some("ExceptionGroup"), "many (1 sub-exception)", places));
}

#[test]
fn what_go_says_before_it_compiles() {
    let place = vec![at("main.go", 2, None)];
    let text = "main.go:2:8: package nothere is not in GOROOT (/usr/lib/go/src/nothere)";
    assert_eq!(only(text), error(None, "package nothere is not in GOROOT (/usr/lib/go/src/nothere)", place));
    assert_eq!(problems("main.go:23: a line of a program's own log"), []);
}

#[test]
fn panics_and_compilers() {
    let go = "panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.f(...)
\t/workspace/main.go:4
main.main()
\t/workspace/main.go:8 +0x1d
exit status 2
";
    let places = vec![at("/workspace/main.go", 4, Some("main.f")), at("/workspace/main.go", 8, Some("main.main"))];
    assert_eq!(only(go), error(None, "runtime error: index out of range [5] with length 3", places));
    let go = "# command-line-arguments\n./main.go:4:2: undefined: x\n";
    assert_eq!(only(go), error(None, "undefined: x", vec![at("./main.go", 4, None)]));

    let gcc = "main.c: In function 'main':\nmain.c:3:5: error: 'x' undeclared\nmain.c:4:1: warning: unused\n";
    let found = problems(gcc);
    assert_eq!(found[0], error(None, "'x' undeclared", vec![at("main.c", 3, None)]));
    assert_eq!((found.len(), found[1].severity), (2, Severity::Warning));

    let rustc = "error[E0308]: mismatched types\n --> src/main.rs:2:5\n  |\nerror: aborting due to 1 previous error\n";
    assert_eq!(only(rustc), error(Some("E0308"), "mismatched types", vec![at("src/main.rs", 2, None)]));

    for tsc in ["main.ts(1,7): error TS2322: No.\n", "main.ts:1:7 - error TS2322: No.\n"] {
        assert_eq!(only(tsc), error(Some("TS2322"), "No.", vec![at("main.ts", 1, None)]));
    }
}

#[test]
fn what_is_no_traceback_is_none() {
    for text in [
        "",
        "Error: x\n",
        "12:30:05: error: x",
        "  at noon (1:2)",
        "a.py:3: x\n",
        "warning: x\n",
        "panic: x\n",
        "# a\nb: c\n",
    ] {
        assert_eq!(problems(text), [], "{text}");
    }
}

#[test]
fn nothing_is_found_without_end() {
    let many = "main.c:3:5: error: x\n".repeat(10_000);
    assert_eq!(problems(&many).len(), MAX_PROBLEMS);
    let deep = format!("{}E: x\n", "  File \"a\", line 1, in f\n".repeat(10_000));
    assert_eq!(only(&deep).places.len(), MAX_PLACES);
    let deep = format!("Error: x\n{}", "    at f (/a:1:2)\n".repeat(10_000));
    assert_eq!(only(&deep).places.len(), MAX_PLACES);
    assert_eq!(problems(&"x".repeat(1 << 20)), []);
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "((  File \"|\", line |panic: |goroutine |    at |error|: |TS|\\[|\\(|\\)|:|9{0,12}|/a|\n|\t|é|--> ){0,40})") {
        for problem in problems(&text) {
            prop_assert!(problem.places.len() <= MAX_PLACES);
        }
    }
}
