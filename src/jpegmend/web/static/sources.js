// Where pictures come from: dropped, pasted, chosen files and folders.

const SUFFIXES = "jpg jpeg jpe jfif mpo png webp bmp tif tiff gif ppm pgm pbm pnm avif heic heif jxl".split(" ");

/** Whether a file found in a folder is a picture to restore. */
const isPicture = ({ name }) =>
  !name.startsWith(".") && !name.includes(".restored.") && !name.includes(".x3.") && SUFFIXES.includes(name.split(".").at(-1).toLowerCase());

/** Listen to every source; `add` gets arrays of files. */
export function listen(add, { files, folder, buttons }) {
  for (const button of buttons) {
    button.addEventListener("click", () => (button.dataset.choose === "folder" ? folder : files).click());
  }
  files.addEventListener("change", () => {
    add([...files.files]);
    files.value = "";
  });
  folder.addEventListener("change", () => {
    add([...folder.files].filter(isPicture));
    folder.value = "";
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    const pasted = [...(clipboardData?.files ?? [])];
    if (pasted.length) add(pasted);
  });
  listenToDrops(add);
}

function listenToDrops(add) {
  const { body } = document;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const leave = () => {
    depth = 0;
    delete body.dataset.dragging;
  };
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    body.dataset.dragging = "";
  });
  document.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) leave();
  });
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    leave();
    add(await dropped(event.dataTransfer));
  });
}

/** The files of a drop: files themselves, and the pictures in folders. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const found = await Promise.all(entries.filter(Boolean).map((entry) => filesOf(entry, true)));
  return found.flat();
}

async function filesOf(entry, named) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return named || isPicture(file) ? [file] : [];
  }
  if (entry.name.startsWith(".")) return [];
  const reader = entry.createReader();
  const below = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    below.push(...some);
  }
  below.sort((one, other) => one.name.localeCompare(other.name));
  return (await Promise.all(below.map((each) => filesOf(each, false)))).flat();
}
