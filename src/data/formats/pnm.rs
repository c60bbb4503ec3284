//! PNM: whether a file holds more than the picture that is read. Programs that make films append one to the other.

/// Returns whether another picture follows the first one in `bytes`, a binary PBM, PGM, PPM or PAM file.
pub(crate) fn has_further_picture(bytes: &[u8]) -> bool {
    let Some(end) = end_of_first(bytes) else { return false };
    let behind = bytes.get(end..).unwrap_or_default().trim_ascii_start();
    matches!(behind, [b'P', b'1'..=b'7', next, ..] if next.is_ascii_whitespace())
}

/// Returns the place behind the first picture; `None` where its numbers are texts, and where it is cut off.
fn end_of_first(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    let mut number = || {
        loop {
            match bytes.get(at)? {
                b'#' => at += bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?,
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => break,
            }
        }
        let digits = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(bytes.get(at..at + digits)?).ok()?;
        at += digits;
        text.parse::<usize>().ok()
    };
    let (line, height) = match bytes.get(..2)? {
        b"P4" => {
            let (width, height) = (number()?, number()?);
            (width.div_ceil(8), height)
        }
        kind @ (b"P5" | b"P6") => {
            let (width, height, most) = (number()?, number()?, number()?);
            let channels = if kind == b"P6" { 3 } else { 1 };
            (width.checked_mul(channels * if most > 255 { 2 } else { 1 })?, height)
        }
        b"P7" => {
            let end = bytes.windows(7).position(|seven| seven == b"ENDHDR\n")?;
            let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
            let of = |key: &str| {
                let line = head.lines().find_map(|line| line.strip_prefix(key))?;
                line.trim().parse::<usize>().ok()
            };
            let bytes_each = if of("MAXVAL ")? > 255 { 2 } else { 1 };
            let line = of("WIDTH ")?.checked_mul(of("DEPTH ")?)?.checked_mul(bytes_each)?;
            return line.checked_mul(of("HEIGHT ")?)?.checked_add(end + 7);
        }
        _ => return None,
    };
    line.checked_mul(height)?.checked_add(at + 1)
}

#[cfg(test)]
mod tests {
    use super::has_further_picture;

    #[test]
    fn pictures_behind_the_first_are_seen() {
        let gray = b"P5\n# made by hand\n3 2\n255\n\x01\x02\x03P5\n".to_vec();
        assert!(!has_further_picture(&gray), "samples that look like a head");
        let twice = [&gray[..], &gray].concat();
        assert!(has_further_picture(&twice));
        let bits = b"P4 9 2\n\0\0\0\0";
        assert!(!has_further_picture(bits) && has_further_picture(&[&bits[..], b"\nP4 9 2\n\0\0\0\0"].concat()));
        let deep = b"P6 1 1 65535\n\0\x01\0\x02\0\x03";
        assert!(!has_further_picture(deep) && has_further_picture(&[&deep[..], deep].concat()));
        let map = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n\x01\x02";
        assert!(!has_further_picture(map) && has_further_picture(&[&map[..], map].concat()));
        assert!(!has_further_picture(b"P5") && !has_further_picture(b"P5 99999999999999999999 1 1\n"));
    }
}
