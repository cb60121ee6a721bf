// The part of plotly.js that the page draws with. Scatter, for lines, is always in it.
const Plotly = require("plotly.js/lib/core");
Plotly.register([
  require("plotly.js/lib/bar"),
  require("plotly.js/lib/choropleth"),
  require("plotly.js/lib/pie"),
]);
module.exports = Plotly;
