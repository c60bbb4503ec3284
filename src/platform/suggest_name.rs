//! The nearest known name to one that is not known.

/// Returns the name nearest to `asked` that is near enough to be meant (Damerau-Levenshtein distance).
pub(crate) fn nearest<'k>(asked: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(asked, name), name))
        .filter(|&(distance, name)| distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Returns `, perhaps NAME` where one of the program's own words is near, for an error.
pub(crate) fn perhaps<'k>(asked: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(asked, known).map_or_else(String::new, |name| format!(", perhaps {name}"))
}

/// Returns `, perhaps "NAME"` where a column of that name is near: names in data may hold anything.
pub(crate) fn perhaps_column(asked: &str, known: &[String]) -> String {
    let near = nearest(asked, known.iter().map(String::as_str));
    near.map_or_else(String::new, |name| format!(", perhaps {name:?}"))
}
