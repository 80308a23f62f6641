//! How long things take, printed beside the native runtime's; nothing depends on it. Run with `--no-capture`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use codebeaker::agent::Link;
use codebeaker::agent::wire::{Area, Existing, WriteTarget};
use codebeaker::runtime::native::Native;
use codebeaker::runtime::{Programs, Runtime, Sandbox};

use crate::boxes::{Standing, docker, on_docker, spec};
use codebeaker::runtime::docker::Oci;

const ROUNDS: u32 = 50;

#[test]
fn containers_beside_the_native_runtime() {
    on_docker(|| async {
        let docker = [docker(Oci::Default), docker(Oci::Runsc)];
        let native = Native::start();
        let [container, kernel] = &docker;
        for runtime in [&native as &dyn Runtime, container, kernel] {
            if !runtime.probe().await.available {
                continue;
            }
            let mut creates = Vec::new();
            let mut ends = Vec::new();
            let mut standing = None;
            for _ in 0..5 {
                if let Some(standing) = standing.take() {
                    let begun = Instant::now();
                    let mut standing: Standing = standing;
                    standing.keeper.destroy().await;
                    ends.push(begun.elapsed());
                }
                let begun = Instant::now();
                let Sandbox { reader, writer, keeper, enforcement, .. } =
                    runtime.create(spec()).await.expect("it is made");
                let (link, ready) = Link::open(reader, writer).await.expect("it stands");
                creates.push(begun.elapsed());
                standing = Some(Standing { link, ready, keeper, enforcement, programs: Programs::Host });
            }
            let standing = standing.expect("the last one stands");
            let (mut runs, mut writes) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                standing.run(&["/bin/true"]).await;
                runs.push(begun.elapsed());
                let (area, existing, path) = (Area::Workspace, Existing::Replace, b"file".to_vec());
                let target = WriteTarget { path, area, existing, mode: None, parents: false, if_match: None };
                let begun = Instant::now();
                standing.link.write_file(target, Bytes::from_static(&[7; 1024])).await.expect("it is written");
                writes.push(begun.elapsed());
            }
            let id = runtime.id();
            println!(
                "{id:8} create {:9.3?} end {:9.3?} /bin/true {:9.3?} write 1 KiB {:9.3?}",
                middle(creates),
                middle(ends),
                middle(runs),
                middle(writes)
            );
            standing.end().await;
        }
    });
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
