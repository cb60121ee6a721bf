// The countries of the map: where each lies, so that the map can go there.

// The centre and the zoom at which the largest piece of land of a country fills the map.
export function placeOf(world, code) {
  const country = world.objects.countries.geometries.find(({ id }) => id === code);
  if (!country) return null;
  const pieces = country.type === "Polygon" ? [country.arcs] : country.arcs;
  const boxes = pieces.map((rings) => boxOf(world, rings[0]));
  const size = ({ east, west, north, south }) => (east - west) * (north - south);
  const box = boxes.reduce((best, other) => (size(other) > size(best) ? other : best));
  const fill = Math.min(360 / (box.east - box.west), 140 / (box.north - box.south));
  return {
    center: { lon: (box.east + box.west) / 2, lat: (box.north + box.south) / 2 },
    scale: Math.max(1, Math.min(0.6 * fill, 12)),
  };
}

// TopoJSON: a ring is a list of arcs, of which ~i is arc i backwards; points are differences.
function boxOf({ arcs, transform }, ring) {
  const box = { west: 180, east: -180, south: 90, north: -90 };
  for (const arc of ring) {
    let [x, y] = [0, 0];
    for (const [dx, dy] of arcs[arc < 0 ? ~arc : arc]) {
      x += dx;
      y += dy;
      const longitude = x * transform.scale[0] + transform.translate[0];
      const latitude = y * transform.scale[1] + transform.translate[1];
      box.west = Math.min(box.west, longitude);
      box.east = Math.max(box.east, longitude);
      box.south = Math.min(box.south, latitude);
      box.north = Math.max(box.north, latitude);
    }
  }
  return box;
}
