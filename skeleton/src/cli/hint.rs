//! What may have been meant by a name that is unknown.

/// Similarity from which on a known name is offered.
const SIMILAR: f64 = 0.7;

/// `did you mean …?`, with the known names that end in the unknown one's key, or else with the nearest
/// one; `None` where none is near.
pub fn meant(name: &str, known: &[&str]) -> Option<String> {
    // A key without its table is as likely a slip as a letter.
    let end = format!(".{name}");
    let inside = known.iter().filter(|known| known.ends_with(&end));
    let inside: Vec<String> = inside.map(|known| format!("\"{known}\"")).collect();
    if !inside.is_empty() {
        return Some(format!("did you mean {}?", inside.join(" or ")));
    }
    let similarity = |other: &&&str| strsim::normalized_damerau_levenshtein(name, other);
    let nearest = known
        .iter()
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(&nearest) >= SIMILAR).then(|| format!("did you mean \"{nearest}\"?"))
}
