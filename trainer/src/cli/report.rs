//! `aimclr-train report`.

use crate::TrainError;
use crate::report::page::Page;
use crate::report::pictures::{self, Named};
use crate::report::{Found, ResultFolder, Run, chart, tsne};
use aimclr_skeleton::files::write_atomically;
use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Runs and results, or folders with some of them up to three folders down. A run may still
    /// be going on.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// The page. [default: report.html in the first FOLDER]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder that gets each picture as PNG too.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let (runs, results) = read(&arguments.folders)?;
    let first = &arguments.folders[0];
    let out = arguments.out.unwrap_or_else(|| first.join("report.html"));
    let saved = arguments.pictures.as_deref();
    if let Some(folder) = saved {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut page = Page::new(&title(&arguments.folders));
    page.overview(&results);
    for run in &runs {
        let charts = pictures::of_run(run);
        page.run(run, &charts);
        save(saved, first, &run.folder, &charts)?;
    }
    for (i, result) in results.iter().enumerate() {
        let bar = bar(&result.folder);
        let charts = pictures::of_result(result, &|| bar.inc(1))?;
        bar.finish_and_clear();
        page.result(i, result, &charts);
        save(saved, first, &result.folder, &charts)?;
    }
    write_atomically(&out, |file| file.write_all(page.html().as_bytes())).map_err(|source| {
        TrainError::Io {
            path: out.clone(),
            source,
        }
    })?;
    Ok(writeln!(std::io::stdout(), "{}", out.display())?)
}

/// Each once, even if two of the folders have it.
fn read(folders: &[PathBuf]) -> Result<(Vec<Run>, Vec<ResultFolder>)> {
    let mut all = Found::default();
    for folder in folders {
        let found = Found::beneath(folder)?;
        for (list, new) in [
            (&mut all.runs, found.runs),
            (&mut all.results, found.results),
        ] {
            let new: Vec<PathBuf> = new
                .into_iter()
                .filter(|path| !list.contains(path))
                .collect();
            list.extend(new);
        }
    }
    let runs: Result<_, TrainError> = all.runs.iter().map(|path| Run::read(path)).collect();
    let results = all.results.iter();
    let results: Result<_, TrainError> = results.map(|path| ResultFolder::read(path)).collect();
    Ok((runs?, results?))
}

fn title(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders
        .iter()
        .map(|folder| {
            let name = folder
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            name.unwrap_or_else(|| folder.display().to_string())
        })
        .collect();
    names.join(", ")
}

/// On a terminal only.
fn bar(folder: &Path) -> ProgressBar {
    let bar = ProgressBar::new(tsne::PASSES as u64);
    if let Ok(style) = ProgressStyle::with_template("t-SNE of {prefix}  {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.set_prefix(folder.display().to_string());
    bar
}

/// `joint/linear` below the first folder becomes `joint-linear-NAME.png`.
fn save(saved: Option<&Path>, first: &Path, folder: &Path, charts: &[Named]) -> Result<()> {
    let Some(saved) = saved else { return Ok(()) };
    let below = folder.strip_prefix(first).unwrap_or(folder);
    let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
    let parts: Vec<String> = parts.filter(|part| part != "/" && part != "..").collect();
    for (name, chart) in charts {
        let parts: Vec<&str> = parts.iter().map(String::as_str).chain([*name]).collect();
        let path = saved.join(parts.join("-") + ".png");
        chart::picture(chart).save_png(&path)?;
    }
    Ok(())
}
