// The part of plotly.js that the page, and saved notebooks, draw with. Scatter, for lines, is always in it.
const Plotly = require("plotly.js/lib/core");
Plotly.register([
  require("plotly.js/lib/bar"),
  require("plotly.js/lib/choropleth"),
  require("plotly.js/lib/heatmap"),
  require("plotly.js/lib/pie"),
  require("plotly.js/lib/scattergeo"),
]);
module.exports = Plotly;
