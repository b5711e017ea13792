//! Puts the built pages, if `BARKEEP_PAGES` names their directory, into the binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=BARKEEP_PAGES");
    let mut code =
        String::from("/// Path and bytes of every page file.\nstatic PAGES: &[(&str, &[u8])] = &[\n");
    if let Some(root) = std::env::var_os("BARKEEP_PAGES").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", root.display());
        let mut files = Vec::new();
        collect(&root, &mut files);
        files.sort();
        for file in files {
            let name = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            // Writing to a string cannot fail.
            let _ = writeln!(code, "    ({name:?}, include_bytes!({:?})),", file.to_string_lossy());
        }
    }
    code.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    if let Err(error) = std::fs::write(out.join("pages.rs"), code) {
        println!("cargo::error=could not write pages.rs: {error}");
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
