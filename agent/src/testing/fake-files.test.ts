import { FakeFiles } from "./fake-files.ts";
import { filesSuite } from "./files-suite.ts";

filesSuite("fake", async () => ({ files: new FakeFiles(), folder: "/f" }));
