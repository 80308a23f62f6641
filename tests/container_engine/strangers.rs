//! What answers badly, or not at all.

use codebeaker::container::ContainerError;
use codebeaker::container::address::Address;
use codebeaker::container::engine::ContainerEngine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::place::within;

/// A socket behind which each connection gets this answer; none at all when `None`.
fn stranger(answer: Option<String>) -> (tempfile::TempDir, Address) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            match &answer {
                Some(answer) => {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                None => silent.push(stream),
            }
        }
    });
    (directory, Address::Unix(path))
}

fn http(body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

async fn refusal(answer: Option<String>) -> ContainerError {
    let (_directory, address) = stranger(answer);
    within(ContainerEngine::connect(&address)).await.unwrap_err()
}

#[tokio::test]
async fn an_engine_that_is_too_old_or_too_new_is_told_with_both_versions() {
    let old = refusal(http(r#"{"Version":"19.03.15","ApiVersion":"1.40","MinAPIVersion":"1.12"}"#)).await;
    assert!(matches!(old, ContainerError::TooOld { .. }), "{old:?}");
    let words = old.to_string();
    assert!(["19.03.15", "1.40", "1.41"].iter().all(|version| words.contains(version)), "{words}");
    let new = refusal(http(r#"{"Version":"99.0","ApiVersion":"1.99","MinAPIVersion":"1.90"}"#)).await;
    assert!(matches!(new, ContainerError::TooNew { .. }), "{new:?}");
}

#[tokio::test]
async fn who_is_no_engine_is_unreachable() {
    let silent = refusal(None).await;
    assert!(matches!(silent, ContainerError::Unreachable { .. }) && silent.is_away(), "{silent:?}");
    for answer in [http("hello"), Some("220 mail.example ESMTP\r\n".to_owned()), Some(String::new())] {
        let error = refusal(answer).await;
        assert!(matches!(error, ContainerError::Unreachable { .. }), "{error:?}");
    }
    let nothing = ContainerEngine::connect(&Address::Unix("/nonexistent/socket".into())).await.unwrap_err();
    assert!(nothing.to_string().contains("unix:///nonexistent/socket"), "{nothing}");
    assert!(nothing.fix().unwrap().contains("systemctl start docker"));
}

#[tokio::test]
async fn certificates_that_are_missing_are_told() {
    let address: Address = "tcp://127.0.0.1:1".parse().unwrap();
    let address = address.with_certificates("/nonexistent".as_ref()).unwrap();
    let error = ContainerEngine::connect(&address).await.unwrap_err();
    assert!(matches!(error, ContainerError::Certificates { .. }), "{error:?}");
    assert!(codebeaker::causes::in_full(&error).contains("/nonexistent/ca.pem"), "{error:?}");
}
