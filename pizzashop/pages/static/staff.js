// The pages of the staff: they follow the shop, their times go on counting, and late orders turn amber.
import "./counting.js";
import "./csrf.js";
import "./live.js";
