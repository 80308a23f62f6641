//! `image/*`: the images of container engines.

use std::future::Future;

use tokio::sync::watch;

use crate::causes::in_full;
use crate::engine;
use crate::protocol::image::{
    Image, ImageBuildParams, ImageListParams, ImageListResult, ImagePullParams, ImageRemoveParams, ImageRemoveResult,
    ImagesResult, SilentMachine,
};
use crate::protocol::{ProgressToken, ProtocolError, refuse};
use crate::runtime::images::{self, Build, Doing, ImageError, Listing};
use crate::server::connection::Connection;
use crate::server::notifier::Notifier;
use crate::server::{convert, fault};

pub(in crate::server) async fn list(
    connection: &Connection,
    params: ImageListParams,
) -> Result<ImageListResult, ProtocolError> {
    let listing = connection.daemon().images.list(params.machine.as_deref()).await;
    Ok(image_listing(listing.map_err(fault::of_image)?))
}

/// What machines have, as clients see it.
#[must_use]
pub fn image_listing(listing: Listing) -> ImageListResult {
    let silent = listing.silent.into_iter().map(|(machine, error)| SilentMachine {
        machine,
        reason: in_full(&error),
        hint: error.fix(),
    });
    ImageListResult { images: listing.images.iter().map(converted).collect(), silent: silent.collect() }
}

pub(in crate::server) async fn pull(
    connection: &Connection,
    params: ImagePullParams,
) -> Result<ImagesResult, ProtocolError> {
    let (teller, told) = watch::channel(Doing::default());
    let pulling = connection.daemon().images.pull(&params.image, params.machine.as_deref(), &teller);
    reported(connection, params.work_done_token, &format!("Fetching {}", params.image), told, pulling).await
}

pub(in crate::server) async fn build(
    connection: &Connection,
    params: ImageBuildParams,
) -> Result<ImagesResult, ProtocolError> {
    let engine = engine::by_id(&params.engine).ok_or_else(|| {
        let known: Vec<&str> = engine::ENGINES.iter().map(|engine| engine.id).collect();
        refuse("engine", "there is no such engine").hint(format!("there are {}", known.join(", ")))
    })?;
    let build = Build { engine, base: params.base, tag: params.tag };
    let (teller, told) = watch::channel(Doing::default());
    let building = connection.daemon().images.build(&build, params.machine.as_deref(), &teller);
    let title = format!("Building the image for {}", engine.id);
    reported(connection, params.work_done_token, &title, told, building).await
}

pub(in crate::server) async fn remove(
    connection: &Connection,
    params: ImageRemoveParams,
) -> Result<ImageRemoveResult, ProtocolError> {
    let ImageRemoveParams { image, force, machine } = params;
    let removing = connection.daemon().images.remove(&image, force, machine.as_deref());
    Ok(ImageRemoveResult { machines: removing.await.map_err(fault::of_image)? })
}

/// Does the work, and reports to who asked for it how far it is. Both end when the request is given up.
async fn reported(
    connection: &Connection,
    token: Option<ProgressToken>,
    title: &str,
    told: watch::Receiver<Doing>,
    work: impl Future<Output = Result<Vec<images::Image>, ImageError>>,
) -> Result<ImagesResult, ProtocolError> {
    let notifier = Notifier { outbox: connection.outbox().clone(), streaming: None, progress: token };
    let said = |doing: &Doing| (doing.message.clone(), doing.percentage);
    let done = notifier.begin_measured(title).through(told, said, work).await;
    let images = done.map_err(fault::of_image)?;
    Ok(ImagesResult { images: images.iter().map(converted).collect() })
}

fn converted(image: &images::Image) -> Image {
    Image {
        id: image.id.clone(),
        tags: image.tags.clone(),
        bytes: image.bytes,
        created_at: image.created.as_ref().map(convert::time),
        engines: image.engines.iter().map(|&engine| engine.to_owned()).collect(),
        machine: image.machine.clone(),
    }
}
