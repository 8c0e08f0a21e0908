// What an order's page does by itself: it follows the order, and times count on.
import "./counting.js";
import "./live.js";
