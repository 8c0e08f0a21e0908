// The page of an order for its customer: it follows the order, and its times go on counting.
import "./counting.js";
import "./live.js";
import { readSentId, storeSentId } from "./sent_order.js";

const sentId = readSentId();
// The order has arrived, so the next order of this tab is a new one.
if (sentId && location.pathname.endsWith(sentId)) storeSentId(null);
