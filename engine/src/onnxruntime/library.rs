//! Finding and loading ONNX Runtime's shared library, once per process.

use crate::EngineError;
use ort::environment::Environment;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Names the library in the environment; set by the user, or by `.cargo/config.toml` below cargo.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// ONNX Runtime, loaded.
pub struct Library {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// Loaded libraries are never unloaded, so a reference to this one may live forever.
static LOADED: Mutex<Option<&'static Library>> = Mutex::new(None);

impl Library {
    /// Finds and loads the library: named by ORT_DYLIB_PATH, beside the executable, where
    /// `cargo xtask setup` put it when this binary was built, or where the system's loader looks.
    ///
    /// Fails where none of them can be used, saying what was wrong with each. A later call looks
    /// again. A static build can't load any.
    pub fn get() -> Result<&'static Library, EngineError> {
        // Its own dlopen would bring in a second C library, and crash.
        if cfg!(all(unix, target_feature = "crt-static")) {
            return Err(EngineError::Static);
        }
        let mut loaded = LOADED.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some(library) = *loaded {
            return Ok(library);
        }
        let library = Self::load(candidates())?;
        Ok(*loaded.insert(Box::leak(Box::new(library))))
    }

    /// Where the library lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as far as its build says it.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    fn load(candidates: Vec<Candidate>) -> Result<Self, EngineError> {
        let mut tried = Vec::new();
        for Candidate { path, origin } in candidates {
            let here = format!("{} ({origin})", path.display());
            // A bare name is the loader's to find.
            if path.components().count() > 1 && !path.is_file() {
                tried.push(format!("{here}: there is no such file"));
                continue;
            }
            // Every other way to load it ends in a panic inside ort's own lazy initialisation.
            let builder = match ort::init_from(&path) {
                Ok(builder) => builder,
                Err(error) => {
                    tried.push(format!("{here}: {error}"));
                    continue;
                }
            };
            let environment = builder
                .with_name("aimclr")
                .with_telemetry(false)
                .build()
                .map_err(|error| EngineError::Runtime(error.to_string()))?;
            return Ok(Self {
                version: version(&path),
                path,
                environment,
            });
        }
        Err(EngineError::NoLibrary { tried })
    }

    /// Loads CUDA's and cuDNN's libraries where they lie in one of the places that `cargo xtask
    /// setup --cuda` and pip use: the GPU build of ONNX Runtime doesn't know where they are. Where
    /// they aren't, the system's loader looks for them, and ONNX Runtime names what is missing.
    pub(crate) fn preload_cuda(&self) {
        let Some(folder) = self.path.parent() else {
            return;
        };
        for nvidia in ["../nvidia", "../../nvidia"] {
            let nvidia = folder.join(nvidia);
            for (cuda, cudnn) in [(Some("cu13/lib"), None), (None, Some("cudnn/lib"))] {
                let present = |name: Option<&str>| {
                    name.map(|name| nvidia.join(name))
                        .filter(|folder| folder.is_dir())
                };
                let (cuda, cudnn) = (present(cuda), present(cudnn));
                let _ = ort::ep::cuda::preload_dylibs(cuda.as_deref(), cudnn.as_deref());
            }
        }
    }
}

/// A place where the library may be.
struct Candidate {
    path: PathBuf,
    origin: &'static str,
}

fn candidates() -> Vec<Candidate> {
    let name = format!(
        "{}onnxruntime{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    );
    let named = env::var_os(VARIABLE)
        .filter(|path| !path.is_empty())
        .map(|path| (PathBuf::from(path), "ORT_DYLIB_PATH"));
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| Some((exe.parent()?.join(&name), "beside the executable")));
    let built = option_env!("ORT_DYLIB_PATH")
        .filter(|path| !path.is_empty())
        .map(|path| (PathBuf::from(path), "set up when this program was built"));
    let system = Some((PathBuf::from(&name), "the system's loader"));
    let mut candidates: Vec<Candidate> = Vec::new();
    for (path, origin) in [named, beside, built, system].into_iter().flatten() {
        // A relative path means the working directory; ort would take it as the executable's.
        let path = match path.components().count() {
            0 | 1 => path,
            _ => std::path::absolute(&path).unwrap_or(path),
        };
        if candidates.iter().all(|known| known.path != path) {
            candidates.push(Candidate { path, origin });
        }
    }
    candidates
}

fn version(path: &Path) -> String {
    // The file that a link such as libonnxruntime.so points to carries the version.
    let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let version = digits.trim_end_matches(|c: char| !c.is_ascii_digit());
    match version {
        "" => format!("1.{} or later", ort::MINOR_VERSION),
        version => version.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_are_none_are_listed_with_their_faults() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let candidate = |path: PathBuf, origin| Candidate { path, origin };
        let loaded = Library::load(vec![
            candidate(here.join("nowhere/libonnxruntime.so"), "ORT_DYLIB_PATH"),
            candidate(here.join("Cargo.toml"), "beside the executable"),
        ]);
        let Err(error) = loaded else {
            panic!("no library was named");
        };
        let message = error.to_string();
        for part in [
            "nowhere/libonnxruntime.so (ORT_DYLIB_PATH): there is no such file",
            "Cargo.toml (beside the executable): ",
            "cargo xtask setup",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }

    #[test]
    fn a_version_is_read_off_the_files_name() {
        assert_eq!(version(Path::new("a/libonnxruntime.so.1.31.1")), "1.31.1");
        assert!(version(Path::new("a/onnxruntime.dll")).ends_with("or later"));
    }
}
