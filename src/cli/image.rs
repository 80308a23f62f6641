//! `codebeaker image`: what `image/*` does, for a person.

use std::fmt::Write as _;
use std::future::Future;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Subcommand};
use tokio::sync::watch;

use super::daemon::Signals;
use super::{failed, show};
use crate::causes::in_full;
use crate::config::DockerSettings;
use crate::engine::{self, Engine};
use crate::protocol::image::{Image, ImageListResult};
use crate::runtime::images::{Build, Doing, ImageError, Images, Listing};
use crate::server;

/// How often the line with the progress is written anew.
const REDRAW: Duration = Duration::from_millis(100);

/// Erases the line that the cursor is in, from its start.
const ERASE: &str = "\r\x1b[K";

/// What an id is known by to people.
const SHORT_ID: usize = 12;

#[derive(Debug, Args)]
pub(super) struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
    /// Only on this machine of the settings file
    #[arg(long, global = true, value_name = "NAME")]
    machine: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    /// Name the images that there are, and the engines that they are for
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch an image from a registry
    Pull {
        /// Its name, such as python:3.12-slim
        image: String,
    },
    /// Build the image of an engine, from the Dockerfile that comes with codebeaker
    Build {
        /// The engine, such as python
        // The flag for all commands that is called `--engine` would be taken for it.
        #[arg(id = "for", value_name = "ENGINE", value_parser = known_engine)]
        engine: &'static Engine,
        /// Build upon this image, which has the engine already; else upon the official one
        #[arg(long, value_name = "IMAGE")]
        base: Option<String>,
        /// Call it so; else as sessions of this engine look for it
        #[arg(long, value_name = "NAME")]
        tag: Option<String>,
    },
    /// Remove an image, or one of its names
    Remove {
        /// Its name or its id
        image: String,
        /// Also when something uses it, or when it has other names
        #[arg(long)]
        force: bool,
    },
}

fn known_engine(id: &str) -> Result<&'static Engine, String> {
    engine::by_id(id).ok_or_else(|| {
        let known: Vec<&str> = engine::ENGINES.iter().map(|engine| engine.id).collect();
        format!("there is no such engine; there are {}", known.join(", "))
    })
}

pub(super) async fn image(args: ImageArgs, settings: &DockerSettings) -> ExitCode {
    let images = Images::new(settings.clone());
    let machine = args.machine.as_deref();
    let (teller, told) = watch::channel(Doing::default());
    let text = match args.command {
        ImageCommand::List { json } => images.list(machine).await.map(|listing| listed(listing, json)),
        ImageCommand::Pull { image } => {
            let pulled = ended(images.pull(&image, machine, &teller), told).await;
            pulled.map(|images| each(&images, "fetched"))
        }
        ImageCommand::Build { engine, base, tag } => {
            let build = Build { engine, base, tag };
            let built = ended(images.build(&build, machine, &teller), told).await;
            built.map(|images| each(&images, "built"))
        }
        ImageCommand::Remove { image, force } => {
            let removed = images.remove(&image, force, machine).await;
            removed.map(|machines| format!("removed {image} from {}\n", machines.join(", ")))
        }
    };
    match text {
        Ok(text) => {
            // A reader that is gone wants no report.
            drop(std::io::stdout().write_all(text.as_bytes()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let refusal = server::image_refusal(error);
            let hint = refusal.data.hint.map(|hint| format!("\nmend it: {hint}")).unwrap_or_default();
            failed(&format!("{}{hint}", refusal.message))
        }
    }
}

/// Does the work, shows on a terminal how far it is, and gives it up on a signal.
async fn ended<T>(
    work: impl Future<Output = Result<T, ImageError>>,
    mut told: watch::Receiver<Doing>,
) -> Result<T, ImageError> {
    let is_terminal = std::io::stderr().is_terminal();
    let showing = async {
        while is_terminal && told.changed().await.is_ok() {
            let doing = told.borrow_and_update().clone();
            draw(&progress_line(&doing, width()));
            tokio::time::sleep(REDRAW).await;
        }
        std::future::pending().await
    };
    let interrupted = async {
        match Signals::new() {
            Ok(signals) => signals.next().await,
            Err(_) => std::future::pending().await,
        }
    };
    let done = tokio::select! {
        done = work => done,
        signal = interrupted => Err(ImageError::GivenUp { why: signal }),
        never = showing => never,
    };
    if is_terminal {
        draw("");
    }
    done
}

fn draw(line: &str) {
    // There is nowhere left to complain to.
    drop(std::io::stderr().write_all(format!("{ERASE}{line}").as_bytes()));
}

fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    size.map_or(80, |size| usize::from(size.ws_col)).max(20)
}

fn progress_line(doing: &Doing, width: usize) -> String {
    let percentage = doing.percentage.map(|percentage| format!("{percentage:3} %  ")).unwrap_or_default();
    // A line that fills the whole width would be wrapped, and only its last part erased.
    format!("{percentage}{}", show::printable(&doing.message.replace('\n', " "))).chars().take(width - 1).collect()
}

fn each(images: &[crate::runtime::images::Image], done: &str) -> String {
    let mut text = String::new();
    for image in images {
        let name = image.tags.first().unwrap_or(&image.id);
        let size = ByteSize::b(image.bytes).display().si();
        writeln!(text, "{done} {name} on {} ({}, {size})", image.machine, short(&image.id))
            .expect("text can be written to memory");
    }
    show::printable(&text)
}

fn listed(listing: Listing, json: bool) -> String {
    for (machine, error) in &listing.silent {
        show::message(&format!("{machine} can't be asked: {}", in_full(error)));
    }
    let result = server::image_listing(listing);
    if json {
        return serde_json::to_string_pretty(&result).expect("a list can be written as JSON") + "\n";
    }
    table(&result)
}

fn table(result: &ImageListResult) -> String {
    if result.images.is_empty() {
        return "There are no images. Build one with: codebeaker image build python\n".to_owned();
    }
    let mut rows = vec![["IMAGE", "ENGINES", "ID", "SIZE", "MADE", "MACHINE"].map(str::to_owned)];
    for image in &result.images {
        rows.extend(image.tags.iter().map(|tag| row(image, tag)));
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    show::printable(&text)
}

fn row(image: &Image, tag: &str) -> [String; 6] {
    let engines = if image.engines.is_empty() { "-".to_owned() } else { image.engines.join(",") };
    let made = image.created_at.as_deref().and_then(|at| at.split('T').next()).unwrap_or("-");
    let size = ByteSize::b(image.bytes).display().si().to_string();
    [tag.to_owned(), engines, short(&image.id).to_owned(), size, made.to_owned(), image.machine.clone()]
}

fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..SHORT_ID).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_stays_one_line_and_steers_nothing() {
        let doing = Doing { message: "a\u{1b}[2J\n".to_owned() + &"b".repeat(100), percentage: Some(7) };
        let line = progress_line(&doing, 40);
        assert_eq!(line.chars().count(), 39);
        assert!(line.starts_with("  7 %  a\\u{1b}[2J") && !line.contains(char::is_control), "{line:?}");
    }
}
