//! The decoder against every break in a stream that clients are known to send, and against chance.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 200;

fn framed(body: &str) -> Vec<u8> {
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn body(text: &str) -> Event {
    Event::Body(Bytes::copy_from_slice(text.as_bytes()))
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = Decoder::new(LIMIT);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(event) = decoder.next_event() {
            events.push(event);
        }
        let held = decoder.buffer.len();
        assert!(held <= LIMIT.max(MAX_HEADER_BYTES), "{held} bytes are held");
    }
    events
}

fn decode_all(stream: impl AsRef<[u8]>) -> Vec<Event> {
    let stream = stream.as_ref();
    let whole = decode([stream]);
    assert_eq!(whole, decode(stream.chunks(1)), "byte by byte it is something else");
    whole
}

/// Two good messages with `between` among them, and what the decoder makes of that.
fn around(between: &[u8]) -> Vec<Event> {
    let mut events = decode_all([&framed("{\"a\":1}")[..], between, &framed("{\"b\":2}")].concat());
    assert_eq!(events.remove(0), body("{\"a\":1}"));
    assert_eq!(events.pop(), Some(body("{\"b\":2}")));
    events
}

#[test]
fn headers_are_taken_in_any_form_that_clients_send() {
    for headers in [
        "content-length: 2\r\n\r\n",
        "CONTENT-LENGTH:2\r\n\r\n",
        "Content-Length:  2 \n\n",
        "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        "Content-Length: 2\r\nContent-Type: text/plain\r\nX-Third: 3\r\n\r\n",
        "\r\n\n\r\nContent-Length: 2\r\n\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
    ] {
        assert_eq!(around(format!("{headers}{{}}").as_bytes()), [body("{}")], "{headers:?}");
    }
}

#[test]
fn bad_headers_are_reported_once() {
    let long_line = "x".repeat(3 * MAX_HEADER_BYTES);
    let long_block = "X-Name: value\r\n".repeat(MAX_HEADER_BYTES);
    for (between, fault) in [
        ("{\"jsonrpc\":\"2.0\"}\n{\"jsonrpc\":\"2.0\"}\n", Fault::Garbage),
        ("{\"no\":\"line end\"}", Fault::Garbage),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", Fault::Garbage),
        ("Content-Length: two\r\n\r\n{}\n", Fault::BadLength),
        ("Content-Length: -2\r\n\r\n{}\n", Fault::BadLength),
        ("Content-Length:\r\n\r\n{}\n", Fault::BadLength),
        ("Content-Type: text/plain\r\n\r\n{}\n", Fault::MissingLength),
        ("Content-Length: 7\r\n", Fault::Garbage),
        (&long_line, Fault::HeaderTooLong),
        (&long_block, Fault::HeaderTooLong),
    ] {
        let events = around(between.as_bytes());
        // The good message after a length without a body differs from it by that length alone.
        if between != "Content-Length: 7\r\n" {
            assert_eq!(events, [Event::Fault(fault)], "{between:.60}");
        }
    }
}

#[test]
fn a_body_over_the_limit_is_skipped() {
    let large = format!("\"{}\"", "x".repeat(10 * LIMIT));
    let length = large.len() as u64;
    assert_eq!(around(&framed(&large)), [Event::Fault(Fault::TooLarge { length, limit: LIMIT })]);
}

#[test]
fn a_length_without_its_body_does_no_harm() {
    for (header, fault) in [
        ("Content-Length: 100\r\n\r\n", Fault::WrongLength),
        ("Content-Length: 20\r\n\r\n", Fault::WrongLength),
        ("Content-Length: 3\r\n\r\n", Fault::WrongLength),
        ("Content-Length: 5000\r\n\r\n", Fault::TooLarge { length: 5000, limit: LIMIT }),
        ("Content-Length: 99999999999999999999999999\r\n\r\n", Fault::TooLarge { length: u64::MAX, limit: LIMIT }),
    ] {
        assert_eq!(around(header.as_bytes()), [Event::Fault(fault)], "{header}");
    }
}

#[test]
fn a_wrong_length_does_not_poison_what_follows() {
    let text = "{\"c\":\"three\"}";
    for length in 0..LIMIT + 50 {
        if length != text.len() {
            let events = around(format!("Content-Length: {length}\r\n\r\n{text}").as_bytes());
            assert!(!events.contains(&body(text)) && !events.is_empty(), "{length}: {events:?}");
        }
    }
}

#[test]
fn a_length_header_inside_a_string_is_text() {
    for text in ["{\"a\":\"\\r\\nContent-Length: 5\\r\\n\\r\\n\"}", "\"Content-Length: 5\"", "\"Content-Length:\"\n"] {
        assert_eq!(around(&framed(text)), [body(text)]);
    }
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        Just(b"Content-Length: 10\r\n\r\n".to_vec()),
        Just(b"content-length:".to_vec()),
        Just(b"Content-Len".to_vec()),
        Just(b"X-Name: value\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(vec![b'a'; MAX_HEADER_BYTES]),
        (0..3 * LIMIT).prop_map(|length| format!("Content-Length: {length}\r\n\r\n{{").into_bytes()),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn how_the_stream_is_cut_does_not_matter(
        stream in garbage(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let stream = [&stream[..], &framed("{}"), &stream].concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
        prop_assert_eq!(decode(pieces), decode([&stream[..]]));
    }

    #[test]
    fn garbage_never_hides_a_message(garbage in garbage(), messages in 1..4usize) {
        let stream: Vec<u8> = (0..messages)
            .flat_map(|number| [garbage.clone(), framed(&format!("{{\"number\":{number}}}"))].concat())
            .collect();
        let events = decode([&stream[..]]);
        for number in 0..messages {
            prop_assert!(events.contains(&body(&format!("{{\"number\":{number}}}"))), "{:?}", events);
        }
    }
}
