//! Bars, as SVG.
