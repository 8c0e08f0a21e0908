// What the staff's pages do by themselves: they follow the shop, times count on, and what becomes late turns amber.
import "./counting.js";
import "./live.js";
import "./marks.js";
