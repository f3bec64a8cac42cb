//! Bars, as SVG.

use std::fmt::Write;

/// A chart of bars, the shortest first: less is better.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What it shows, and in which unit.
    pub title: String,
    /// Names and figures.
    pub bars: Vec<(String, f64)>,
}

impl Chart {
    /// The picture. What begins with `Doorward` stands out. It is readable on light and on dark.
    pub fn svg(&self) -> String {
        let mut bars = self.bars.clone();
        bars.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let most = bars.last().map_or(1.0, |(_, most)| *most).max(f64::MIN_POSITIVE);
        let height = TOP + LINE * bars.len();
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" role="img">
<title>{title}</title>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="8" y="20" font-weight="bold" fill="#1f2328">{title}</text>
"##,
            title = escaped(&self.title)
        );
        for (at, (name, figure)) in bars.iter().enumerate() {
            let y = TOP + LINE * at;
            let width = (figure / most * LONGEST).max(1.0);
            let fill = if name.starts_with("Doorward") { "#1a7f37" } else { "#8c959f" };
            let _infallible = writeln!(
                svg,
                r##"<text x="{NAMES}" y="{text}" text-anchor="end" fill="#1f2328">{name}</text><rect x="{bar}" y="{y}" width="{width:.1}" height="{thick}" fill="{fill}"/><text x="{end:.1}" y="{text}" fill="#1f2328">{figure}</text>"##,
                text = y + 14,
                name = escaped(name),
                bar = NAMES + 8,
                thick = LINE - 6,
                end = f64::from(NAMES) + 14.0 + width,
                figure = digits(*figure),
            );
        }
        svg + "</svg>\n"
    }
}

const WIDTH: usize = 820;
const TOP: usize = 32;
const LINE: usize = 24;
const NAMES: u32 = 360;
const LONGEST: f64 = 360.0;

/// Three digits that mean something.
fn digits(figure: f64) -> String {
    match figure {
        _ if figure < 10.0 => format!("{figure:.2}"),
        _ if figure < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_what_they_stand_for_and_the_shortest_is_first() {
        let bars = vec![("a & b".to_owned(), 200.0), ("Doorward".to_owned(), 50.0), ("none".to_owned(), 0.0)];
        let svg = Chart { title: "<µs>".to_owned(), bars }.svg();
        let found = |part: &str| svg.find(part).unwrap();
        assert!(found(">none<") < found(">Doorward<") && found(">Doorward<") < found("a &amp; b"));
        assert!(svg.contains(r##"width="90.0" height="18" fill="#1a7f37""##), "{svg}");
        assert!(svg.contains(r##"width="360.0" height="18" fill="#8c959f""##), "{svg}");
        assert!(svg.contains("&lt;µs&gt;") && svg.contains(">50.0<") && svg.contains(">200<"));
    }
}
