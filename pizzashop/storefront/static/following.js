// What an order's page does by itself: times count on.
import "./counting.js";
