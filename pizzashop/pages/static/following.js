// What an order's page does by itself: it follows the order, and times count on.
import "./counting.js";
import "./live.js";
import { keepSent, sent } from "./sent.js";

// It has arrived: the next order of this tab is another.
if (sent() && location.pathname.endsWith(sent())) keepSent(null);
