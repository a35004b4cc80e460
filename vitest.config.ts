import { defineConfig } from "vitest/config";

// Projects separate what runs in seconds from what starts real daemons: `npm run check` runs the first two.
const rooms = ["agent", "controller-shim", "image-builder"];
const real = ["**/*.real.test.ts", "test/real/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [...rooms.map((room) => `${room}/**/*.test.ts`), "scripts/**/*.test.ts"],
          exclude: [...real, "**/node_modules/**", "**/dist/**"],
        },
      },
      { test: { name: "architecture", include: ["test/architecture/**/*.test.ts"] } },
      {
        test: {
          name: "real",
          include: real,
          exclude: ["**/node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: ["test/harness/bundle-agent.ts"],
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          globalSetup: ["test/harness/bundle-agent.ts"],
        },
      },
    ],
  },
});
