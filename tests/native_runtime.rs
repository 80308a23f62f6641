//! Sandboxes of the native runtime, through the library.

use codebeaker::config::Limits;
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Runtime, SandboxSpec, Workspace};

#[tokio::test]
async fn it_comes_up() {
    let native = Native::start();
    println!("{:?}", native.probe().await);
    let spec = SandboxSpec {
        limits: Limits::default(),
        workspace: Workspace::None,
        engine_roots: vec![],
        hostname: "box".into(),
        without: vec![],
    };
    let mut sandbox = native.create(spec).await.unwrap();
    println!("{:?} {:?}", sandbox, sandbox.keeper.usage());
    assert!(sandbox.keeper.destroy().await);
    assert!(native.probe().await.available);
}
