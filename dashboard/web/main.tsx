import { render } from "preact";
import { App } from "./app.tsx";
import { AppProvider, createAppState } from "./state/app-state.ts";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/parts.css";
import "./styles/pipeline-ledger.css";
import "./styles/overview.css";
import "./styles/lists.css";
import "./styles/alarm-rows.css";
import "./styles/rejects.css";
import "./styles/partitions.css";
import "./styles/slow.css";
import "./styles/lists-small.css";
import "./styles/device.css";

const root = document.getElementById("app");
if (root === null) throw new Error("The page has no #app.");

const app = createAppState();
render(
  <AppProvider value={app}>
    <App />
  </AppProvider>,
  root,
);
await app.start();
