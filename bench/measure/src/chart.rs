//! Bars, as SVG: plain text and rectangles, to be shown by any browser, alone or inside a page.

use crate::fact::Author;
use std::fmt::Write;

/// Bars that are compared with each other.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// In their order.
    pub bars: Vec<Bar>,
}

/// A value.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Whose it is.
    pub label: String,
    /// The colour.
    pub author: Author,
    /// The length.
    pub value: f64,
}

const WIDTH: usize = 900;
/// Where the labels end and the bars begin.
const START: usize = 340;
/// The longest bar; there is room for a number behind it.
const LONGEST: usize = 460;
const LINE: usize = 18;
const GAP: usize = 7;
const HEADING: usize = 34;

const fn colour(author: Author) -> &'static str {
    match author {
        Author::Raw | Author::Control => "#9aa5b1",
        Author::Ours => "#2563a8",
        Author::Peer => "#d08c2a",
        Author::Ceiling => "#7ea96b",
    }
}

/// A picture of the groups, one below the other; all lengths are of one linear scale. `title` says what the numbers are.
#[must_use]
pub fn svg(title: &str, groups: &[Group]) -> String {
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = HEADING + bars * LINE + groups.len() * GAP + GAP;
    let longest = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);

    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n",
        title = escaped(title)
    );
    let mut top = HEADING;
    for group in groups {
        for (number, bar) in group.bars.iter().enumerate() {
            // The name of a group stands on its first line.
            if number == 0 {
                text(&mut picture, 10, top, "start", &group.name);
            }
            text(&mut picture, START - 8, top, "end", &bar.label);
            let length = (bar.value / longest * LONGEST as f64).max(1.0);
            let _ = writeln!(
                picture,
                "<rect x=\"{START}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>",
                top + 2,
                LINE - 4,
                colour(bar.author),
            );
            text(&mut picture, START + length as usize + 6, top, "start", &number_of(bar.value));
            top += LINE;
        }
        top += GAP;
    }
    picture + "</svg>\n"
}

fn text(picture: &mut String, x: usize, top: usize, anchor: &str, words: &str) {
    let y = top + LINE - 5;
    let _ = writeln!(picture, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>", escaped(words));
}

/// As many digits as mean something.
#[must_use]
pub fn number_of(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// Text for a page or a picture.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room_and_names_are_escaped() {
        let bar = |label: &str, value| Bar { label: label.into(), author: Author::Ours, value };
        let groups = [
            Group { name: "a & b".into(), bars: vec![bar("<one>", 50.0)] },
            Group { name: "c".into(), bars: vec![bar("two", 200.0), bar("three", 0.0)] },
        ];
        let picture = svg("ns", &groups);
        assert!(picture.contains("width=\"115.0\"") && picture.contains("width=\"460.0\""), "{picture}");
        assert!(picture.contains(">a &amp; b<") && picture.contains(">&lt;one&gt;<"), "{picture}");
        assert!(picture.contains(">50.0<") && picture.contains(">200<"), "{picture}");
        assert_eq!(picture.matches("<rect").count(), 4);
    }
}
