// Where pictures come from: dropped, pasted, chosen files and folders.

const SUFFIXES = "jpg jpeg jpe jfif mpo png webp bmp tif tiff gif ppm pgm pbm pnm avif heic heif jxl".split(" ");

/** Whether a file found in a folder is a picture to restore. */
const isPicture = ({ name }) =>
  !name.startsWith(".") && !name.includes(".restored.") && !name.includes(".x3.") && SUFFIXES.includes(name.split(".").at(-1).toLowerCase());

/** Listen to every source; `add` gets arrays of files, and how many files and folders of a drop could not be read. */
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
    const unread = [];
    const found = await dropped(event.dataTransfer, unread);
    add(found, unread.length);
  });
}

/** The files of a drop: files themselves, and the pictures in folders. Entries that cannot be read go into `unread`. */
async function dropped(transfer, unread) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  return filesOf(entries.filter(Boolean), unread);
}

async function filesOf(entries, unread) {
  const found = entries.map(async (entry) => {
    if (entry.isFile) return fileOf(entry, unread);
    const below = await entriesIn(entry, unread);
    return filesOf(below.filter((each) => (each.isFile ? isPicture(each) : !each.name.startsWith("."))), unread);
  });
  return (await Promise.all(found)).flat();
}

// One entry that is locked, or gone since, must not cost the others.
const fileOf = (entry, unread) =>
  new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => {
    unread.push(entry);
    return [];
  });

/** What is in a folder, as far as it can be read, by name. */
async function entriesIn(folder, unread) {
  const reader = folder.createReader();
  const below = [];
  try {
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      below.push(...some);
    }
  } catch {
    unread.push(folder);
  }
  return below.sort((one, other) => one.name.localeCompare(other.name));
}
