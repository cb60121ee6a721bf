// Texts by file name as a zip file, for browsers can deflate but not write archives.

export async function zip(files) {
  const encoder = new TextEncoder();
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = encoder.encode(name);
    const data = encoder.encode(text);
    const packed = await deflated(data);
    const head = fileHead(path, data, packed);
    const local = [numbers([[0x04034b50, 4], ...head]), path, packed];
    // Made by version 2.0; then no comment, disk 0, no attributes, and where the file starts.
    const rest = [
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 4],
      [offset, 4],
    ];
    directory.push(numbers([[0x02014b50, 4], [20, 2], ...head, ...rest]), path);
    parts.push(...local);
    offset += sizeOf(local);
  }
  const entries = directory.length / 2;
  const end = [
    [0x06054b50, 4],
    [0, 4],
    [entries, 2],
    [entries, 2],
  ];
  const place = [
    [sizeOf(directory), 4],
    [offset, 4],
    [0, 2],
  ];
  return new Blob([...parts, ...directory, numbers([...end, ...place])]);
}

async function deflated(data) {
  const stream = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// What stands before a file as well as in the directory: needs version 2.0, UTF-8 names, deflated,
// 1 January 1980, checksum, sizes, length of the name, nothing extra.
function fileHead(path, data, packed) {
  const flags = [
    [20, 2],
    [0x0800, 2],
    [8, 2],
    [0, 2],
    [0x21, 2],
  ];
  return [
    ...flags,
    [checksum(data), 4],
    [packed.length, 4],
    [data.length, 4],
    [path.length, 2],
    [0, 2],
  ];
}

// Numbers with so many bytes each, the lowest byte first.
function numbers(fields) {
  return Uint8Array.from(
    fields.flatMap(([value, bytes]) =>
      Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255),
    ),
  );
}

function sizeOf(parts) {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function checksum(data) {
  let crc = ~0;
  for (const byte of data) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255];
  return ~crc >>> 0;
}
