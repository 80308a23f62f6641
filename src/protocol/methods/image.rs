//! The methods of images.

use super::super::error::ErrorKind::*;
use super::super::image::{
    ImageBuildParams, ImageListParams, ImageListResult, ImagePullParams, ImageRemoveParams, ImageRemoveResult,
    ImagesResult,
};
use super::{Method, method};

pub(super) const METHODS: &[Method] = &[
    method::<ImageListParams, ImageListResult>("image/list", "The images that sessions in containers can run in")
        .errors(&[RuntimeUnavailable, ValidationFailed]),
    method::<ImagePullParams, ImagesResult>("image/pull", "Fetches an image from a registry").progress().errors(&[
        RuntimeUnavailable,
        ImageNotFound,
        ImagePullFailed,
        ImageNotAllowed,
        ValidationFailed,
    ]),
    method::<ImageBuildParams, ImagesResult>("image/build", "Builds the image of an engine").progress().errors(&[
        RuntimeUnavailable,
        ImageNotFound,
        ImageBuildFailed,
        ImageNotAllowed,
        ValidationFailed,
    ]),
    method::<ImageRemoveParams, ImageRemoveResult>("image/remove", "Removes an image, or one of its names")
        .graceful()
        .errors(&[RuntimeUnavailable, ImageNotFound, ImageInUse, ValidationFailed]),
];
