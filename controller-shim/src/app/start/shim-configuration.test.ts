import { expect, test } from "vitest";
import { parseConfiguration } from "../config.ts";
import { parseDemoSettings } from "./settings.ts";
import { renderShimConfiguration } from "./shim-configuration.ts";

test("the shim accepts the main job's configuration", () => {
  const settings = parseDemoSettings(["--instance", "t1", "--port", "19999"]);
  const configuration = parseConfiguration(renderShimConfiguration(settings), "shim.toml");
  expect(configuration.instance).toBe("t1");
  expect(configuration.api.port).toBe(19_999);
  expect(configuration.networks).toEqual(settings.networks);
  expect(configuration.state_directory.startsWith(`${settings.stateFolder}/`)).toBe(true);
});
