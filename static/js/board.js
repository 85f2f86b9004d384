// The pipeline board. Every move is optimistic: the card goes at once, the server confirms with the authoritative card
// and column heads, a refusal puts it back and says why. Parts: board-cards.js (finding and placing), board-drag.js (mouse and
// touch), board-keyboard.js, board-menu.js, board-quick-add.js, board-live.js (other people's moves),
// board-select.js (several at once).
import { post } from "./http.js";
import { toast } from "./toast.js";
import { refresh, startCards } from "./board-cards.js";
import { startDrag } from "./board-drag.js";
import { startHelp } from "./board-help.js";
import { startKeyboard } from "./board-keyboard.js";
import { startLive } from "./board-live.js";
import { startMenu } from "./board-menu.js";
import { startSelecting } from "./board-select.js";
import { startQuickAdd } from "./board-quick-add.js";
import { startDialogs } from "./board-moves.js";

const board = document.getElementById("board");
if (board) {
  const canEdit = board.classList.contains("can-edit");
  startCards(board);
  startKeyboard(board, canEdit);
  startMenu(board);
  if (canEdit) {
    startDialogs();
    startDrag(board);
    startQuickAdd(board);
  }
  startLive(board);
  startFolding(board);
  startSelecting(board);
  startHelp();
}

/** A column folded or unfolded stays so for this person; the board shows itself anew. */
function startFolding(root) {
  root.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-fold-column]");
    if (!form) return;
    event.preventDefault();
    event.stopPropagation();
    const reply = await post(form.action, new FormData(form, event.submitter));
    if (reply.ok) refresh();
    else toast({ kind: "danger", text: reply.message });
  });
}
